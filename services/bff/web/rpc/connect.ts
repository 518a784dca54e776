import { setClock } from '../kit/time'
import { asRpcError, errorFrom, RpcError } from './errors'

/** A unary call is given up after this long, in milliseconds. */
const DEADLINE = 10_000
/** A stream that says nothing for this long is taken for dead: the server speaks at least every 30 s. */
const SILENCE = 45_000
/** The largest frame taken from a stream, in bytes. */
const FRAME = 1 << 20
/** The flag of the frame that ends a stream. */
const END = 2

export interface CallOptions {
  signal?: AbortSignal
  /** Lets the request outlive the page: for receipts sent while it goes away. */
  keepalive?: boolean
}

/** The Connect protocol in JSON over `fetch`: unary calls and server streams. */
export interface Client {
  unary<I, O>(method: string, body: I, options?: CallOptions): Promise<O>
  stream<I, O>(method: string, body: I, options?: CallOptions): AsyncGenerator<O, void, void>
}

/**
 * `base` is the BFF's origin; `token` gives the session's access token, or nothing before there is one. Only the
 * console's calls take the cookie along, which is what it is known by.
 */
export function connect(
  base: string,
  token: () => string | undefined,
  credentials: 'omit' | 'same-origin' = 'omit'
): Client {
  const send = (method: string, type: string, body: BodyInit, signal: AbortSignal, keepalive = false, timeout = 0) => {
    const headers: Record<string, string> = { 'content-type': type, 'connect-protocol-version': '1' }
    if (timeout) headers['connect-timeout-ms'] = String(timeout)
    const bearer = token()
    if (bearer) headers.authorization = `Bearer ${bearer}`
    return fetch(`${base}/messenger.bff.v1.${method}`, {
      method: 'POST',
      headers,
      body,
      signal,
      keepalive,
      cache: 'no-store',
      credentials,
      referrerPolicy: 'no-referrer'
    })
  }
  return {
    async unary<I, O>(method: string, body: I, options: CallOptions = {}) {
      const stop = new Stop(options.signal)
      stop.after(DEADLINE)
      try {
        const answer = await send(
          method,
          'application/json',
          JSON.stringify(body),
          stop.signal,
          options.keepalive,
          DEADLINE
        )
        setClock(answer.headers.get('date'))
        const text = await answer.text()
        if (!answer.ok) throw errorFrom(parse(text), answer.status, answer.headers)
        const value = parse(text)
        if (value === undefined) throw new RpcError('internal', 'the answer is not JSON')
        return value as O
      } catch (thrown) {
        throw asRpcError(stop.reason ?? thrown)
      } finally {
        stop.done()
      }
    },
    async *stream<I, O>(method: string, body: I, options: CallOptions = {}) {
      const stop = new Stop(options.signal)
      stop.after(SILENCE)
      try {
        const answer = await send(method, 'application/connect+json', envelope(JSON.stringify(body)), stop.signal)
        if (!answer.ok || !answer.body)
          throw errorFrom(parse(await answer.text().catch(() => '')), answer.status, answer.headers)
        const reader = answer.body.getReader()
        const frames = new Frames()
        for (;;) {
          const { done, value } = await reader.read()
          if (done) throw new RpcError('unavailable', 'the stream ended in the middle')
          stop.after(SILENCE)
          for (const { flags, text } of frames.take(value)) {
            const message = parse(text)
            if (flags & END) {
              const { error } = (message ?? {}) as { error?: unknown }
              if (error) throw errorFrom(error, 200, answer.headers)
              return
            }
            if (message !== undefined) yield message as O
          }
        }
      } catch (thrown) {
        throw asRpcError(stop.reason ?? thrown)
      } finally {
        stop.done()
      }
    }
  }
}

/** Five bytes of length and flags, then the text. */
export function envelope(text: string, flags = 0): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text)
  const out = new Uint8Array(5 + bytes.length)
  out[0] = flags
  new DataView(out.buffer).setUint32(1, bytes.length)
  out.set(bytes, 5)
  return out
}

/** Cuts a stream's bytes into frames, however the network has cut them. */
export class Frames {
  private held = new Uint8Array(0)

  /** The frames that are whole now. */
  take(bytes: Uint8Array): { flags: number; text: string }[] {
    const all = new Uint8Array(this.held.length + bytes.length)
    all.set(this.held)
    all.set(bytes, this.held.length)
    const frames = []
    let at = 0
    while (all.length - at >= 5) {
      const size = new DataView(all.buffer).getUint32(at + 1)
      // before anything is kept for it
      if (size > FRAME) throw new RpcError('internal', 'a frame is too large')
      if (all.length - at - 5 < size) break
      frames.push({
        flags: all[at] ?? 0,
        text: new TextDecoder().decode(all.subarray(at + 5, at + 5 + size))
      })
      at += 5 + size
    }
    this.held = all.slice(at)
    return frames
  }
}

/** One signal for the caller's wish and for a timer; older browsers lack `AbortSignal.any`. */
class Stop {
  private controller = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined
  /** Set when the timer ended it. */
  reason: RpcError | undefined

  constructor(private outer?: AbortSignal) {
    if (outer?.aborted) this.controller.abort()
    outer?.addEventListener('abort', this.abort)
  }

  get signal() {
    return this.controller.signal
  }

  after(ms: number) {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.reason = new RpcError('deadline_exceeded')
      this.controller.abort()
    }, ms)
  }

  /** Also frees the connection of a stream that its reader has left. */
  done() {
    clearTimeout(this.timer)
    this.outer?.removeEventListener('abort', this.abort)
    this.controller.abort()
  }

  private abort = () => this.controller.abort()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
