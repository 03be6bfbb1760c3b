export const BUSY: number
export function machine(): { cpu: string; cores: number; instructionSets: string[] }
export function instructionSets(cpuinfo: string): string[]
export function busyShare(ms?: number): Promise<number>
export function busyWarning(share: number): string | undefined
