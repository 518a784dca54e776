/** What a browser calls the page it shows, as the server takes it. Pure. */

/** Longest, in characters; most in a list. */
const LONGEST = 255
export const MOST = 100

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

export type Wrong = 'long' | 'scheme' | 'path' | 'host' | 'port'

/** What is wrong with an origin; nothing if it can be sent. */
export function wrong(text: string): Wrong | undefined {
  const origin = text.trim().toLowerCase()
  if (origin.length > LONGEST) return 'long'
  const match = /^(https?):\/\/(.*)$/.exec(origin)
  if (!match) return 'scheme'
  const [, scheme, rest = ''] = match
  if (/[/?#@\s]/.test(rest)) return 'path'
  const [host = '', port, ...more] = rest.split(':')
  if (more.length) return 'host'
  const own = host === 'localhost' || host === '127.0.0.1'
  if (scheme === 'http' && !own) return 'scheme'
  if (port !== undefined && !(/^[1-9]\d{0,4}$/.test(port) && Number(port) < 65_536)) return 'port'
  if (own) return undefined
  const name = host.replace(/^\*\./, '')
  const labels = name.split('.')
  const address = /^\d+$/.test(labels.at(-1) ?? '') && name !== host
  return labels.length >= 2 && labels.every((label) => LABEL.test(label)) && !address ? undefined : 'host'
}
