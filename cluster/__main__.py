from pr1_cluster.bridge import main

main()
