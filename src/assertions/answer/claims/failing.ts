/** What says that the value before it fails: "but this does not satisfy the second equation". Lines for lists of cues. */

const LEAD = String.raw`^[^a-z\d]{0,8}(?:(?:and|but|however|yet|which|that|this|it|then|so|they),?\s){0,3}`
const WHAT = String.raw`(?:the|its|our|both|one of the)\s(?:\w+\s){0,2}(?:equations?|conditions?|inequalit\w+|requirements?|constraints?)`

export const FAILING = String.raw`${LEAD}(?:does(?: not|n['’]t)|do(?: not|n['’]t)|fails? to|cannot|can['’]t)\s(?:\w+\s)?(?:satisfy|fulfil|solve|meet|fit|lie in|belong to|obey)\b
    ${LEAD}${WHAT}\s(?:(?:is|are)\s(?:then\s)?(?:not\s(?:then\s)?(?:satisfied|fulfilled|met)|violated|false)|(?:then\s)?(?:fails?\b|do(?:es)?(?: not|n['’]t) hold))
    ^[^a-z\d]{0,8}(?:(?:and|but|which|that|this|it)\s){1,2}(?:violates|contradicts)\b
    ^[^a-z\d]{0,8}(?:(?:and|but|which|that|this|it)\s){1,2}(?:is not in|is outside|lies outside)\s(?:of\s)?(?:the|our|this)\s(?:\w+\s)?(?:domain|range|interval)\b`
