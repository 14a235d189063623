import { noDaemon, type Tool } from './tool.ts'

/** Node.js doing nothing: what no command of gantry can be faster than. */
export const nodeTool = (): Tool => ({
  ...noDaemon,
  name: 'node -e 0',
  environment: process.env,
  reset: () => undefined,
  command: (verb) => (verb.verb === 'images' ? [process.execPath, '-e', '0'] : undefined),
})
