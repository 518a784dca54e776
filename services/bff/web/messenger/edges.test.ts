import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { pieces } from '../kit/text'
import { ignored } from './debug'
import { contrast, wear } from './look'
import { allowed, meet } from './port'
import { HELLO, PORT } from './protocol'

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

  it('stand behind the greeting and on links, where these can be read', () => {
    const root = document.createElement('html')
    wear({ action: '#0b57d0', background: '#1b1f27', link: '#a4adbb' }, root)
    const of = (name: string) => root.style.getPropertyValue(name)
    expect([of('--greeting'), of('--on-greeting')]).toEqual(['#1b1f27', '#ffffff'])
    expect(of('--link')).toBe('light-dark(var(--text), #a4adbb)')
    wear({ background: '#ffe08a' }, root)
    expect([of('--action'), of('--on-greeting'), of('--link')]).toEqual(['', '#0b1320', ''])
  })

  it('that are no colours change nothing', () => {
    const root = document.createElement('html')
    wear({ theme: 'system', action: 'red;}', background: 7 as never, link: [] as never }, root)
    for (const name of ['--action', '--on-action', '--greeting', '--on-greeting', '--link'])
      expect(root.style.getPropertyValue(name)).toBe('')
  })
})

describe('what a page says of its customer unsigned', () => {
  it('is named to who wants to know, as nothing is kept of it', () => {
    expect(ignored(['app_id', 'user_jwt', 'plan', 'email'])).toContain('unsigned: plan, email.')
    for (const none of [undefined, 'plan', [], ['app_id', 'debug']]) expect(ignored(none)).toBe('')
  })

  it('is every setting of the wrapper’s types but those', () => {
    const types = readFileSync(join(import.meta.dirname, '../sdk/index.d.ts'), 'utf8')
    const settings = types.slice(types.indexOf('interface MessengerSettings'), types.indexOf('[attribute'))
    const names = [...settings.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(20)
    expect(ignored(names)).toBe('')
  })
})
