/** True in `npm run test:proofs`: files that also run there take every case then, and the telling ones in `npm test`. */
export const inProofs = process.env.PR1_TEST_MODE === 'proofs'
