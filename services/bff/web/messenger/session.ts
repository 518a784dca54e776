/** The session with the BFF: from what the host knows of its customer, renewed, held in memory only. */
import { signal } from '@preact/signals'
import type { CreateSessionRequestJson, CreateSessionResponseJson } from '../gen/messenger/bff/v1/bff_pb'
import type { PlatformJson } from '../gen/messenger/settings/v1/types_pb'
import { serverTime } from '../kit/time'
import type { CallOptions, Client } from '../rpc/connect'
import { asRpcError, RpcError } from '../rpc/errors'
import type { Proof } from './protocol'

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
  /** Whom the page knows, by a user token, by name or by a secret that it keeps: no stranger. */
  readonly known = signal(false)
  private token: string | undefined
  private opening: Promise<void> | undefined
  private renewal: ReturnType<typeof setTimeout> | undefined
  /** The user token that was refused; the same is not tried again. */
  private refused: string | undefined
  /** What the host said before it was needed. */
  private said: Proof | undefined
  /** The secret that this visitor was given here; the host may not be able to keep it. */
  private visitor: string | undefined
  private kept = false
  /** The visitor turned out to be a user, somewhere else: there is nobody here until the host says who. */
  private left = false

  constructor(
    private client: (token: () => string | undefined) => Client,
    private app: { id: string; platform: PlatformJson },
    /** Asks the host who its customer is; an empty proof when it has none. */
    private askHost: () => Promise<Proof>,
    /** Has the host keep a visitor's secret; an empty one: forget it. `again` says that it does so already. */
    private keep: (secret: string, again?: boolean) => void
  ) {}

  readonly bearer = () => this.token

  /** Whether the host knows somebody. A visitor who has not written yet is made when they ask for something. */
  async expects(): Promise<boolean> {
    const proof = await this.askHost()
    const somebody = !proof.guest || !!proof.visitor
    if (somebody) this.said = proof
    return somebody
  }

  /** The customer has written something: a visitor's secret is kept from now on. */
  wrote() {
    if (this.visitor && !this.kept) this.keep(this.visitor)
    this.kept = true
    this.known.value = true
  }

  /** The visitor is a user now. */
  leave() {
    this.drop()
    this.visitor = undefined
    this.left = true
  }

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
    this.left = false
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

  private async open(stranger = false): Promise<void> {
    const proof = this.said ?? (await this.askHost())
    this.said = undefined
    const jwt = proof.jwt || undefined
    const guest = proof.guest && !this.left
    if (jwt ? jwt === this.refused : !guest) throw this.fail()
    const visitor = stranger ? undefined : this.visitor || proof.visitor || undefined
    const client = this.client(() => undefined)
    const body: CreateSessionRequestJson = { appId: this.app.id, platform: this.app.platform }
    if (jwt) body.userJwt = jwt
    else if (proof.user) body.userId = String(proof.user)
    if (visitor) body.visitorSecret = visitor
    let answer: CreateSessionResponseJson
    try {
      answer = await client.unary('SessionService/CreateSession', body)
    } catch (thrown) {
      const error = asRpcError(thrown)
      if (error.passing || error.code === 'canceled' || error.code === 'internal') throw error
      if (!jwt && visitor) {
        // too old, or forgotten on the other side
        this.forget()
        return this.open(true)
      }
      this.refused = jwt
      throw this.fail()
    }
    if (answer.merged) this.forget()
    else this.visitor = answer.visitorSecret || visitor
    if (!jwt && visitor && visitor === proof.visitor) {
      this.kept = true
      this.keep(visitor, true)
    }
    if (jwt || proof.user || this.kept) this.known.value = true
    this.token = answer.accessToken
    this.status.value = 'ready'
    const left = Date.parse(answer.expireTime ?? '') - serverTime() - AHEAD
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

  private forget() {
    this.visitor = undefined
    this.keep('')
  }

  private fail(): RpcError {
    // a quiet renewal that fails leaves the session that still holds
    if (!this.token)
      this.status.value = this.status.value === 'starting' || this.status.value === 'refused' ? 'refused' : 'signed_out'
    return new RpcError('unauthenticated')
  }
}
