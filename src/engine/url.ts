import { CheckpointError } from './errors.ts'

/** Another address than a path: the error says who reads it. Throws CheckpointError. */
export function refuseUrl(value: string): void {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return
  const [, id] =
    /^(?:https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)|hf:\/)\/(?!datasets\/|spaces\/)(\w[\w.-]*\/\w[\w.-]*)/.exec(value) ?? []
  if (id)
    throw new CheckpointError(
      `"checkpoint" takes the id of a model on the hub, not its URL. Got ${JSON.stringify(value)}. Write checkpoint: ${id}`,
    )
  throw new CheckpointError(
    `"checkpoint" is a folder, and ${JSON.stringify(value)} is a URL. A server that speaks OpenAI's protocol is read by promptfoo's own provider, ` +
      `and our assertions score its text: providers: [{ id: "openai:chat:MODEL", config: { apiBaseUrl: "${value.replace(/["\\\s]/g, '')}" } }]. ` +
      'To fork on it, name its tokenizer here and the server beside it: server: { url, model }.',
  )
}
