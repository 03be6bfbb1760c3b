export function afterEach(): void
