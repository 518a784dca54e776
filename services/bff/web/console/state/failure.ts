import { asRpcError } from '../../rpc/errors'

/** Why something could not be shown or done, as far as a page tells it apart. */
export interface Failure {
  /** `stale`: somebody else was faster; `refused`: the server says why in `sentence`. */
  kind: 'missing' | 'network' | 'busy' | 'forbidden' | 'ended' | 'stale' | 'refused' | 'failed'
  /** The server's own words, for a refusal. */
  sentence: string
  /** What the server calls it. */
  reason: string
  /** The server's id of the call; empty when no server was reached. */
  ref: string
}

const KINDS: Partial<Record<string, Failure['kind']>> = {
  not_found: 'missing',
  unavailable: 'network',
  deadline_exceeded: 'network',
  canceled: 'network',
  resource_exhausted: 'busy',
  permission_denied: 'forbidden',
  unauthenticated: 'ended',
  aborted: 'stale',
  failed_precondition: 'refused',
  invalid_argument: 'refused',
  already_exists: 'refused'
}

export function failure(thrown: unknown): Failure {
  const { code, message, reason, ref } = asRpcError(thrown)
  const kind = KINDS[code] ?? 'failed'
  return { kind, sentence: kind === 'refused' ? sentence(message) : '', reason, ref }
}

/** As a sentence of its own: services write their messages to be read in the middle of others. */
function sentence(message: string): string {
  const text = message.trim()
  if (!text) return ''
  return `${text[0]?.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
