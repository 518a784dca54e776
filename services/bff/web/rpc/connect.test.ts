import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { now, serverTime } from '../kit/time'
import { connect, envelope, Frames } from './connect'
import { RpcError } from './errors'

const fetched = vi.fn<typeof fetch>()
beforeEach(() => {
  vi.stubGlobal('fetch', fetched)
})
afterEach(() => {
  fetched.mockReset()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const client = connect('https://bff.test', () => 'secret')

function streamed(...pieces: Uint8Array[]): Response {
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(piece)
        controller.close()
      }
    })
  )
}

async function all(frames: AsyncGenerator<unknown>): Promise<unknown[]> {
  const out = []
  for await (const frame of frames) out.push(frame)
  return out
}

describe('a unary call', () => {
  it('tells the time that the server has, where the machine is an hour off', async () => {
    const date = (ms: number) => ({ headers: { date: new Date(Date.now() + ms).toUTCString() } })
    fetched.mockResolvedValueOnce(new Response('{}', date(3_600_000)))
    await client.unary('MessengerService/GetHome', {})
    expect(Math.abs(serverTime() - Date.now() - 3_600_000)).toBeLessThan(2_000)
    expect(Math.abs(now.value - serverTime())).toBeLessThan(1_000)
    // a second or two is the way, no clock
    fetched.mockResolvedValueOnce(new Response('{}', date(-2_000)))
    await client.unary('MessengerService/GetHome', {})
    expect(Math.abs(serverTime() - Date.now())).toBeLessThan(1_000)
    fetched.mockResolvedValueOnce(new Response('{}', { headers: { date: 'noon' } }))
    await client.unary('MessengerService/GetHome', {})
    expect(Math.abs(serverTime() - Date.now())).toBeLessThan(1_000)
  })

  it('carries the session in a header and nothing in the address', async () => {
    fetched.mockResolvedValue(new Response('{"home":{}}'))
    expect(await client.unary('MessengerService/GetHome', { platform: 'PLATFORM_WEB' })).toEqual({ home: {} })
    const [url, init] = fetched.mock.calls[0] ?? []
    expect(url).toBe('https://bff.test/messenger.bff.v1.MessengerService/GetHome')
    expect(init?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer secret',
      'connect-protocol-version': '1',
      'connect-timeout-ms': '10000'
    })
    expect(init?.credentials).toBe('omit')
    expect(init?.body).toBe('{"platform":"PLATFORM_WEB"}')
  })

  it('tells what the server said is wrong, with the id to ask about', async () => {
    fetched.mockResolvedValue(
      new Response('{"code":"not_found","message":"no such ticket"}', {
        status: 404,
        headers: { 'x-request-id': 'r1' }
      })
    )
    await expect(client.unary('M/X', {})).rejects.toMatchObject({ code: 'not_found', ref: 'r1', passing: false })
  })

  it('waits as long as a busy server asks', async () => {
    fetched.mockResolvedValue(
      new Response('{"code":"resource_exhausted"}', { status: 429, headers: { 'retry-after': '7' } })
    )
    await expect(client.unary('M/X', {})).rejects.toMatchObject({ passing: true, retryAfter: 7000 })
  })

  it('takes a page of a proxy for a server that is away', async () => {
    fetched.mockResolvedValue(new Response('<html>Bad Gateway</html>', { status: 502 }))
    await expect(client.unary('M/X', {})).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('takes a broken network for a server that is away, whatever the browser calls it', async () => {
    fetched.mockRejectedValue(new TypeError('Load failed'))
    await expect(client.unary('M/X', {})).rejects.toMatchObject({ code: 'unavailable', passing: true })
  })

  it('is given up after ten seconds', async () => {
    vi.useFakeTimers()
    fetched.mockImplementation(
      (_, init) =>
        new Promise((_, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))
        })
    )
    const call = client.unary('M/X', {}).catch((error: RpcError) => error.code)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await call).toBe('deadline_exceeded')
  })
})

describe('a stream', () => {
  it('gives each frame, however the network cuts the bytes', async () => {
    const bytes = [envelope('{"a":1}'), envelope('{"b":"ä"}'), envelope('{}', 2)].flatMap((frame) => [...frame])
    for (const size of [1, 3, 7, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        Uint8Array.from(bytes.slice(at * size, (at + 1) * size))
      )
      fetched.mockResolvedValue(streamed(...pieces))
      expect(await all(client.stream('M/Watch', {}))).toEqual([{ a: 1 }, { b: 'ä' }])
    }
  })

  it('ends with the error that its last frame carries', async () => {
    fetched.mockResolvedValue(streamed(envelope('{"error":{"code":"unauthenticated"}}', 2)))
    await expect(all(client.stream('M/Watch', {}))).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('that stops in the middle is an error, not an end', async () => {
    fetched.mockResolvedValue(streamed(envelope('{"a":1}'), envelope('{"b":2}').slice(0, 4)))
    await expect(all(client.stream('M/Watch', {}))).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('that says nothing for 45 seconds is taken for dead', async () => {
    vi.useFakeTimers()
    fetched.mockImplementation(async (_, init) => {
      const body = new ReadableStream({
        start(controller) {
          init?.signal?.addEventListener('abort', () => controller.error(new DOMException('', 'AbortError')))
        }
      })
      return new Response(body)
    })
    const ended = all(client.stream('M/Watch', {})).catch((error: RpcError) => error.code)
    await vi.advanceTimersByTimeAsync(45_000)
    expect(await ended).toBe('deadline_exceeded')
  })

  it('refuses a frame that is too large before it comes', () => {
    const head = new Uint8Array([0, 0x7f, 0xff, 0xff, 0xff])
    expect(() => new Frames().take(head)).toThrow(RpcError)
  })
})
