import { expect, it } from 'vitest'
import { doctorCommand, resumeCommand } from '../../../src/trainer/run/next-command.ts'

const config = { file: '/home/me/my runs/train.yaml', output: '/data/run' }
const overrides = { output: 'run', sets: ['stages.rl.lr=1e-5', 'save={ every: 2 }'], device: 'cpu', ray: 'local', workers: 4 }

it('says all that a run was given, from any folder', () => {
  expect(resumeCommand(config, { overrides, stage: 'rl', allowChange: ['reward'] }, {})).toBe(
    "pr1-train -c '/home/me/my runs/train.yaml' --output /data/run --set stages.rl.lr=1e-5 --set 'save={ every: 2 }' --device cpu --ray local --workers 4 --stage rl --allow-change reward --resume",
  )
  expect(doctorCommand(config, { overrides: { sets: ['-=1'] } }, 'rl', {})).toBe(
    "pr1-train doctor -c '/home/me/my runs/train.yaml' --set=-=1 --stage rl",
  )
})

it('says no more than that, and npx where npx ran, from the folder that holds the package', () => {
  const npx = { npm_command: 'exec', npm_config_local_prefix: '/home/me/my project' }
  expect(resumeCommand({ ...config, file: '/train.yaml' }, {}, npx)).toBe(
    "cd '/home/me/my project' && npx pr1-train -c /train.yaml --resume",
  )
  expect(doctorCommand({ ...config, file: '/train.yaml' }, {}, 'rl', npx)).toMatch(/^cd '.*' && npx pr1-train doctor -c .* --stage rl$/)
  expect(resumeCommand({ ...config, file: '/train.yaml' }, {}, { npm_command: 'exec' })).toBe('npx pr1-train -c /train.yaml --resume')
})
