/** The session with the BFF: from the host's user token, renewed, held in memory only. */
import { signal } from '@preact/signals'
import type { CreateSessionRequestJson, CreateSessionResponseJson } from '../gen/messenger/bff/v1/bff_pb'
import type { PlatformJson } from '../gen/messenger/settings/v1/types_pb'
import type { CallOptions, Client } from '../rpc/connect'
import { asRpcError, RpcError } from '../rpc/errors'

/** A session is renewed this long before it ends, in milliseconds. */
const AHEAD = 60_000
/** At the earliest after this long, whatever the clocks say. */
const SOONEST = 30_000

export type Status =
  | 'starting'
  | 'ready'
  /** There was a session, and the host has no better token. */
  | 'signed_out'
  /** There never was one: the host's token is not accepted. */
  | 'refused'

export class Session {
  readonly status = signal<Status>('starting')
  private token: string | undefined
  private opening: Promise<void> | undefined
  private renewal: ReturnType<typeof setTimeout> | undefined
  /** The user token that was refused; the same is not tried again. */
  private refused: string | undefined

  constructor(
    private client: (token: () => string | undefined) => Client,
    private app: { id: string; platform: PlatformJson },
    /** Asks the host for a user token; nothing when it has none. */
    private askHost: () => Promise<string | undefined>
  ) {}

  readonly bearer = () => this.token

  /** Makes sure of a session; every caller waits for the same one. */
  ensure(): Promise<void> {
    if (this.token) return Promise.resolve()
    this.opening ??= this.open().finally(() => {
      this.opening = undefined
    })
    return this.opening
  }

  /** The session turned out to be over. */
  drop(token = this.token) {
    if (token === this.token) this.token = undefined
  }

  /** The host has another user token. */
  retry() {
    this.refused = undefined
    return this.ensure()
  }

  /** Makes a call in the session; one that is over is renewed once. */
  call = async <I, O>(method: string, body: I, options?: CallOptions): Promise<O> => {
    const client = this.client(this.bearer)
    await this.ensure()
    const used = this.token
    try {
      return await client.unary<I, O>(method, body, options)
    } catch (thrown) {
      if (asRpcError(thrown).code !== 'unauthenticated') throw thrown
      this.drop(used)
      await this.ensure()
      return client.unary<I, O>(method, body, options)
    }
  }

  async revoke() {
    clearTimeout(this.renewal)
    if (!this.token) return
    const client = this.client(this.bearer)
    await client.unary('SessionService/RevokeSession', {}, { keepalive: true }).catch(() => {})
    this.token = undefined
  }

  private async open(): Promise<void> {
    const jwt = await this.askHost()
    if (!jwt || jwt === this.refused) throw this.fail()
    const client = this.client(() => undefined)
    const body: CreateSessionRequestJson = { appId: this.app.id, platform: this.app.platform, userJwt: jwt }
    let answer: CreateSessionResponseJson
    try {
      answer = await client.unary('SessionService/CreateSession', body)
    } catch (thrown) {
      const error = asRpcError(thrown)
      if (error.passing || error.code === 'canceled' || error.code === 'internal') throw error
      this.refused = jwt
      throw this.fail()
    }
    this.token = answer.accessToken
    this.status.value = 'ready'
    const left = Date.parse(answer.expireTime ?? '') - Date.now() - AHEAD
    clearTimeout(this.renewal)
    // the old session serves until the new one is there; if there is none, its end brings us here again
    this.renewal = setTimeout(
      () => {
        this.opening ??= this.open().finally(() => {
          this.opening = undefined
        })
        this.opening.catch(() => {})
      },
      Number.isFinite(left) ? Math.max(left, SOONEST) : SOONEST
    )
  }

  private fail(): RpcError {
    // a quiet renewal that fails leaves the session that still holds
    if (!this.token) this.status.value = this.status.value === 'starting' ? 'refused' : 'signed_out'
    return new RpcError('unauthenticated')
  }
}
