/** Codes of the Connect protocol that this client tells apart; every other one is treated as `internal`. */
export type Code =
  | 'canceled'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'unauthenticated'

const CODES: ReadonlySet<string> = new Set<Code>([
  'canceled',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'unimplemented',
  'internal',
  'unavailable',
  'unauthenticated'
])

/** A proxy between here and the BFF may answer without a body that Connect defines. */
const BY_STATUS: Record<number, Code> = {
  400: 'internal',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'unimplemented',
  429: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable'
}

/** Why a call failed. */
export class RpcError extends Error {
  constructor(
    readonly code: Code,
    message = '',
    /** Id under which the server's logs know the call; empty when no server was reached. */
    readonly ref = '',
    /** The server asks for this pause, in milliseconds; 0 when it says nothing. */
    readonly retryAfter = 0,
    /** What the server calls this refusal, such as SHARED_TICKET_EXISTS; empty when it says nothing. */
    readonly reason = ''
  ) {
    super(message || code)
  }

  /** No server was reached, or it may answer soon: the same call may be made again. */
  get passing(): boolean {
    return this.code === 'unavailable' || this.code === 'deadline_exceeded' || this.code === 'resource_exhausted'
  }
}

/** From an answer's body, which nobody vouches for. */
export function errorFrom(body: unknown, status: number, headers: Headers): RpcError {
  const { code, message, details } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const known = typeof code === 'string' && CODES.has(code) ? (code as Code) : (BY_STATUS[status] ?? 'internal')
  const seconds = Number(headers.get('retry-after'))
  return new RpcError(
    known,
    typeof message === 'string' ? message : '',
    headers.get('x-request-id') ?? '',
    Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : 0,
    reasonOf(details)
  )
}

/** Of the first detail that has one. */
function reasonOf(details: unknown): string {
  for (const detail of Array.isArray(details) ? details : []) {
    const reason = (detail as { debug?: { reason?: unknown } } | null)?.debug?.reason
    if (typeof reason === 'string') return reason
  }
  return ''
}

/** Whatever was thrown, as an `RpcError`: `fetch` throws a bare TypeError when the network fails. */
export function asRpcError(thrown: unknown): RpcError {
  if (thrown instanceof RpcError) return thrown
  const name = thrown instanceof Error ? thrown.name : ''
  if (name === 'TimeoutError') return new RpcError('deadline_exceeded')
  if (name === 'AbortError') return new RpcError('canceled')
  return new RpcError('unavailable', thrown instanceof Error ? thrown.message : '')
}
