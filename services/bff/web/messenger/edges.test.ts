import { describe, expect, it, vi } from 'vitest'
import type { Client } from '../rpc/connect'
import { RpcError } from '../rpc/errors'
import { contrast, wear } from './look'
import { allowed, meet } from './port'
import { HELLO, PORT } from './protocol'
import { Session } from './session'
import { pieces } from './ui/text'

describe('the page around the Messenger', () => {
  it('is one of those that the workspace allows', () => {
    const origins = ['https://shop.example.com', 'https://*.example.org', 'http://127.0.0.1:*']
    for (const origin of [
      'https://shop.example.com',
      'https://a.example.org',
      'http://127.0.0.1:7105',
      'http://127.0.0.1'
    ])
      expect(allowed(origin, origins), origin).toBe(true)
    for (const origin of [
      'https://shop.example.com.evil.test',
      'http://shop.example.com',
      'https://example.org',
      'https://a.b.example.org',
      'https://evilexample.org',
      'http://127.0.0.1.evil.test',
      'null'
    ])
      expect(allowed(origin, origins), origin).toBe(false)
  })

  it('is heard only through its own window, its own origin and with a port', async () => {
    const parent = { postMessage: vi.fn() } as unknown as Window
    const { port1 } = new MessageChannel()
    const met = vi.fn()
    meet(['https://shop.test'], parent, window).then(met)
    expect(parent.postMessage).toHaveBeenCalledWith(HELLO, '*')
    const say = (init: MessageEventInit) => window.dispatchEvent(new MessageEvent('message', init))
    say({ data: PORT, origin: 'https://evil.test', source: parent, ports: [port1] })
    say({ data: PORT, origin: 'https://shop.test', source: window, ports: [port1] })
    say({ data: 'other', origin: 'https://shop.test', source: parent, ports: [port1] })
    say({ data: PORT, origin: 'https://shop.test', source: parent, ports: [] })
    await Promise.resolve()
    expect(met).not.toHaveBeenCalled()
    say({ data: PORT, origin: 'https://shop.test', source: parent, ports: [port1] })
    await Promise.resolve()
    expect(met.mock.calls[0]?.[0] === port1).toBe(true)
  })
})

describe('the words of people', () => {
  it('become links only where they are addresses of the web or of mail', () => {
    expect(pieces('See https://a.test/x?y=1, or mailto:b@c.test.')).toEqual([
      { text: 'See ' },
      { text: 'https://a.test/x?y=1', href: 'https://a.test/x?y=1' },
      { text: ', or ' },
      { text: 'mailto:b@c.test', href: 'mailto:b@c.test' },
      { text: '.' }
    ])
    for (const bad of ['javascript:alert(1)', 'data:text/html,x', '<img src=x onerror=alert(1)>', 'file:///etc/passwd'])
      expect(
        pieces(bad).every((piece) => !piece.href),
        bad
      ).toBe(true)
  })
})

describe('the colours of the host', () => {
  it('keep the text on them readable', () => {
    const root = document.createElement('html')
    wear({ theme: 'light', action: '#ffe08a' }, root)
    expect(root.style.getPropertyValue('--on-action')).toBe('#0b1320')
    // too pale for words on white
    expect(root.style.getPropertyValue('--link')).toContain('var(--text)')
    wear({ theme: 'dark', action: '#5b2bd9' }, root)
    expect(root.style.getPropertyValue('--on-action')).toBe('#ffffff')
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21)
  })

  it('that are no colours change nothing', () => {
    const root = document.createElement('html')
    wear({ theme: 'system', action: 'red;}' }, root)
    expect(root.style.getPropertyValue('--action')).toBe('')
  })
})

describe('the session', () => {
  function session(answers: (string | RpcError)[], jwts: (string | undefined)[]) {
    const unary = vi.fn(async (method: string) => {
      if (!method.startsWith('SessionService/CreateSession')) return {}
      const answer = answers.shift()
      if (answer === undefined || answer instanceof RpcError) throw answer ?? new RpcError('unauthenticated')
      return { accessToken: answer, expireTime: new Date(Date.now() + 900_000).toISOString() }
    })
    const client = { unary } as unknown as Client
    const ask = vi.fn(async () => jwts.shift())
    return { made: new Session(() => client, { id: 'app_1', platform: 'PLATFORM_WEB' }, ask), unary, ask }
  }

  it('is opened once for all who wait for it', async () => {
    const { made, ask } = session(['token'], ['jwt'])
    await Promise.all([made.ensure(), made.ensure(), made.ensure()])
    expect(ask).toHaveBeenCalledTimes(1)
    expect(made.bearer()).toBe('token')
    expect(made.status.value).toBe('ready')
  })

  it('that was never there is refused, one that ended signs out', async () => {
    const never = session([new RpcError('unauthenticated')], ['bad'])
    await expect(never.made.ensure()).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(never.made.status.value).toBe('refused')
    const ended = session(['token'], ['jwt', undefined])
    await ended.made.ensure()
    ended.made.drop()
    await expect(ended.made.ensure()).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(ended.made.status.value).toBe('signed_out')
  })

  it('asks the host once for a fresh token when the server has ended it, and never loops', async () => {
    const { made, unary, ask } = session(['one', 'two'], ['a', 'b'])
    await made.ensure()
    unary.mockImplementationOnce(async () => {
      throw new RpcError('unauthenticated')
    })
    await made.call('MessengerService/GetHome', {})
    expect(made.bearer()).toBe('two')
    expect(ask).toHaveBeenCalledTimes(2)
  })

  it('does not try a token again that was refused', async () => {
    const { made, unary } = session([new RpcError('unauthenticated')], ['same', 'same'])
    await made.ensure().catch(() => {})
    await made.ensure().catch(() => {})
    expect(unary).toHaveBeenCalledTimes(1)
  })

  it('outlives a server that is away', async () => {
    const { made } = session([new RpcError('unavailable'), 'token'], ['jwt', 'jwt'])
    await expect(made.ensure()).rejects.toMatchObject({ code: 'unavailable' })
    expect(made.status.value).toBe('starting')
    await made.ensure()
    expect(made.status.value).toBe('ready')
  })
})
