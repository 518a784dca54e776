import { asRpcError } from '../../rpc/errors'

/** Why something could not be shown or done, as far as a screen tells it apart. */
export interface Failure {
  kind: 'missing' | 'network' | 'busy' | 'failed'
  /** The server's id of the call; empty when no server was reached. */
  ref: string
}

export function failure(thrown: unknown): Failure {
  const error = asRpcError(thrown)
  const kind =
    error.code === 'not_found'
      ? 'missing'
      : error.code === 'resource_exhausted'
        ? 'busy'
        : error.passing
          ? 'network'
          : 'failed'
  return { kind, ref: error.ref }
}

/** The same of what is looked up by an id: one that cannot be is like one that is not, whoever made the link (V2). */
export function lookUpFailure(thrown: unknown): Failure {
  const why = failure(thrown)
  return asRpcError(thrown).code === 'invalid_argument' ? { ...why, kind: 'missing' } : why
}
