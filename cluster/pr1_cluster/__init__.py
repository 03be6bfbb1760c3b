"""Places the workers of parallel-r1 with Ray and passes calls on. What is computed where, and what is tried again, Node decides."""
