import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { temporaryFolder, tinyCheckpoint } from './build.ts'

/** The message with which a value of `checkpoint` is refused, when it is opened or when its weights are. */
async function refusal(place: string): Promise<string> {
  try {
    const { weights } = await openCheckpoint(place)
    await (await weights.open()).close()
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError)
    return (error as Error).message
  }
  throw new Error(`${place} was opened`)
}

const folderOf = (files: Record<string, string>): string => {
  const folder = path.join(temporaryFolder(), 'model')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return folder
}

describe('what is neither a Hugging Face folder nor a GGUF file', () => {
  it('is a LoRA adapter that names no base, or lies in the place of one', async () => {
    const adapter = folderOf({ 'adapter_config.json': '{}', 'adapter_model.safetensors': '' })
    expect(await refusal(adapter)).toMatch(/base_model_name_or_path: expected the model that it adapts, found nothing\. .*base: FOLDER/)
    const whole = await tinyCheckpoint()
    rmSync(path.join(whole, 'model.safetensors'))
    writeFileSync(path.join(whole, 'adapter_config.json'), '{"base_model_name_or_path": "."}')
    expect(await refusal(whole)).toMatch(/peft_type: expected LORA, found nothing/)
  })

  it('holds pickled weights only: the command that writes safetensors', async () => {
    const folder = await tinyCheckpoint()
    renameSync(path.join(folder, 'model.safetensors'), path.join(folder, 'pytorch_model.bin'))
    const message = await refusal(folder)
    expect(message).toContain('pickled by PyTorch only (pytorch_model.bin)')
    expect(message).toContain(`M.from_pretrained(a[1]).save_pretrained(a[1])" '${folder}'`)
  })

  it('is a file of a checkpoint: its folder', async () => {
    const folder = await tinyCheckpoint()
    const message = await refusal(path.join(folder, 'model.safetensors'))
    expect(message).toContain('found a file of a checkpoint')
    expect(message.endsWith(`checkpoint: ${folder}`)).toBe(true)
    expect(await refusal(path.join(folderOf({ 'a.safetensors': '' }), 'a.safetensors'))).toContain(
      'weights without a config.json beside them',
    )
  })

  it('is the URL of a server: the provider that reads it', async () => {
    const message = await refusal('http://localhost:8000/v1')
    expect(message).toContain('providers: [{ id: "openai:chat:MODEL", config: { apiBaseUrl: "http://localhost:8000/v1" } }]')
  })

  it('is a mistyped path: the nearest one', async () => {
    const folder = folderOf({})
    expect(await refusal(path.join(path.dirname(folder), 'modle'))).toContain(`no such file or folder. Did you mean ${folder}?`)
    expect(await refusal(path.join(path.dirname(folder), 'gemma'))).toMatch(/no such file or folder\. Point "checkpoint" at .*pr1-train/)
  })

  it('may have a name that a shell would read as code: it stays one argument', async () => {
    const folder = path.join(folderOf({}), `it's $(echo "x")`)
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'pytorch_model.bin'), '')
    const command = /python3 .*/.exec(await refusal(folder))![0].replace(/^python3 -c "[^"]*"/, 'printf "%s\\n"')
    expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' }).split('\n').at(0)).toBe(folder)
  })
})
