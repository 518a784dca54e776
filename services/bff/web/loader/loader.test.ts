import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HELLO, PORT, type ToFrame, type ToHost } from '../messenger/protocol'
import * as sdk from '../sdk'
import { identity } from './settings'

const BASE = 'https://bff.test'
// biome-ignore lint/suspicious/noExplicitAny: the page's own names
const page = window as any
const turn = () => new Promise((resolve) => setTimeout(resolve))

page.happyDOM.settings.disableIframePageLoading = false
// nothing is fetched here: an address is only kept
Object.defineProperty(HTMLIFrameElement.prototype, 'src', {
  get: () => '',
  set(this: HTMLElement, src: string) {
    this.dataset.src = src
  }
})

/** Starts the loader anew, as a page that was just opened would. */
async function load(queued: unknown[][] = [], settings?: object) {
  vi.resetModules()
  page.Messenger = Object.assign(() => {}, { q: queued })
  if (settings) page.messengerSettings = settings
  await import('./main')
  return page.Messenger
}

const host = () => document.querySelector('msgr-messenger')
const inside = <E extends Element>(selector: string) => host()?.shadowRoot?.querySelector(selector) as E

/** Plays the iframe: says hello and gives the port it is handed. */
async function meet() {
  const frame = inside<HTMLIFrameElement>('iframe')
  const source = { postMessage: vi.fn() }
  Object.defineProperty(frame, 'contentWindow', { value: source, configurable: true })
  const hello = (init: MessageEventInit) => window.dispatchEvent(new MessageEvent('message', init))
  hello({ data: HELLO, origin: 'https://evil.test', source: source as never })
  hello({ data: HELLO, origin: BASE, source: window })
  hello({ data: 'other', origin: BASE, source: source as never })
  expect(source.postMessage).not.toHaveBeenCalled()
  hello({ data: HELLO, origin: BASE, source: source as never })
  const [word, origin, [port]] = source.postMessage.mock.calls[0] as [string, string, [MessagePort]]
  expect([word, origin]).toEqual([PORT, BASE])
  const heard: ToFrame[] = []
  port.onmessage = ({ data }) => heard.push(data)
  await turn()
  return { heard, say: (what: ToHost | object) => port.postMessage(what) }
}

beforeEach(() => {
  vi.stubGlobal('visualViewport', new EventTarget())
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'error').mockImplementation(() => {})
  Object.defineProperty(document, 'readyState', { value: 'complete', configurable: true })
})
afterEach(() => {
  page.Messenger?.('shutdown')
  host()?.remove()
  page.messengerSettings = undefined
  vi.restoreAllMocks()
})

const settings = { app_id: 'app_1', api_base: BASE, user_jwt: 'jwt' }

describe('the loader', () => {
  it('carries out what was queued before it came, in order', async () => {
    const counted = vi.fn()
    await load([
      ['onUnreadCountChange', counted],
      ['boot', settings],
      ['showTicket', 7]
    ])
    expect(inside<HTMLIFrameElement>('iframe').dataset.src).toBe(`${BASE}/m/app_1/`)
    const { heard } = await meet()
    await turn()
    expect(heard.map((one) => one.type)).toEqual(['init', 'open', 'go', 'open'])
    expect(heard[2]).toEqual({ type: 'go', place: { ticket: '7' } })
    expect(counted).toHaveBeenCalledWith(0, { messages: 0, tickets: 0 })
  })

  it('never throws into the page, whatever it is called with', async () => {
    const api = await load([], settings)
    for (const values of [
      [],
      [null],
      ['nothing'],
      ['constructor'],
      ['__proto__'],
      ['onShow', 3],
      ['showTicket'],
      ['off']
    ])
      expect(() => api(...values)).not.toThrow()
    expect(() => api('boot', {})).not.toThrow()
    expect(() => api('showArticle', 1)).not.toThrow()
  })

  it('shows the launcher only once there is a session', async () => {
    await load([], settings)
    const button = inside<HTMLButtonElement>('button')
    const { say } = await meet()
    expect(button.hidden).toBe(true)
    say({ type: 'ready' })
    await turn()
    expect(button.hidden).toBe(false)
  })

  it('shows nothing and says why once when the user token is refused', async () => {
    await load([], settings)
    const { say } = await meet()
    say({ type: 'refused' })
    say({ type: 'refused' })
    await turn()
    expect(inside<HTMLButtonElement>('button').hidden).toBe(true)
    expect(console.warn).toHaveBeenCalledTimes(1)
  })

  it('shows a number, "9+" above nine, and nothing at zero or while open', async () => {
    const api = await load([], settings)
    const { say } = await meet()
    const badge = inside<HTMLElement>('b')
    for (const [tickets, text] of [
      [2, '2'],
      [12, '9+'],
      [0, '']
    ] as const) {
      say({ type: 'counts', messages: 0, tickets })
      await turn()
      expect(badge.textContent).toBe(text)
    }
    say({ type: 'counts', messages: 1, tickets: 1 })
    await turn()
    api('show')
    expect(badge.textContent).toBe('')
  })

  it('tells the page how much is unread, as a number first', async () => {
    const api = await load([], settings)
    const counted = vi.fn()
    api('onUnreadCountChange', counted)
    const { say } = await meet()
    say({ type: 'counts', messages: 1, tickets: 2 })
    say({ type: 'counts', messages: 1, tickets: 2 })
    await turn()
    expect(counted.mock.calls).toEqual([
      [0, { messages: 0, tickets: 0 }],
      [3, { messages: 1, tickets: 2 }]
    ])
  })

  it("lets a callback's own error stop nothing", async () => {
    const api = await load([], settings)
    const second = vi.fn()
    api('onReady', () => {
      throw new Error('the page')
    })
    api('onReady', second)
    const { say } = await meet()
    say({ type: 'ready' })
    await turn()
    expect(second).toHaveBeenCalled()
  })

  it('asks the page for a fresh user token when a session begins', async () => {
    const getUserJwt = vi.fn(async () => 'fresh')
    await load([], { ...settings, getUserJwt })
    const { heard, say } = await meet()
    say({ type: 'jwt' })
    await vi.waitFor(() => expect(heard).toContainEqual(expect.objectContaining({ type: 'jwt', jwt: 'fresh' })))
  })

  it('gives a user token to the panel that asked for it, and to no later one', async () => {
    let late = (_: string) => {}
    const getUserJwt = () => new Promise<string>((resolve) => (late = resolve))
    const api = await load([], { ...settings, getUserJwt, user_id: 'ada' })
    const ada = await meet()
    ada.say({ type: 'jwt' })
    await turn()
    const forAda = late
    host()?.remove()
    api('boot', { ...settings, user_jwt: 'ben', getUserJwt: undefined, user_id: 'ben' })
    const ben = await meet()
    forAda('ada')
    await turn()
    expect(ben.heard.filter((one) => one.type === 'jwt')).toEqual([])
    ben.say({ type: 'jwt' })
    await vi.waitFor(() => expect(ben.heard).toContainEqual(expect.objectContaining({ type: 'jwt', jwt: 'ben' })))
  })

  it('starts over for another customer, in another document', async () => {
    const api = await load([], { ...settings, user_id: 'ada' })
    const first = inside<HTMLIFrameElement>('iframe')
    api('boot', { ...settings, user_id: 'ada' })
    expect(inside<HTMLIFrameElement>('iframe') === first).toBe(true)
    host()?.remove()
    api('boot', { ...settings, user_id: 'ben' })
    expect(inside<HTMLIFrameElement>('iframe') === first).toBe(false)
  })

  it('ends the session when it is shut down', async () => {
    const api = await load([], settings)
    const { heard } = await meet()
    api('shutdown')
    await turn()
    expect(heard.at(-1)).toEqual({ type: 'shutdown' })
  })

  it('ignores what it does not understand', async () => {
    await load([], settings)
    const { say } = await meet()
    for (const odd of [{}, { type: 3 }, { type: 'later' }, [], { type: '__proto__' }]) say(odd)
    await turn()
    expect(console.warn).not.toHaveBeenCalled()
  })
})

describe('a visitor', () => {
  const guest = { app_id: 'app_1', api_base: BASE }
  const kept = () => localStorage.getItem('msgr.app_1.visitor')
  const proof = async ({ heard, say }: Awaited<ReturnType<typeof meet>>) => {
    say({ type: 'jwt' })
    await vi.waitFor(() => expect(heard.at(-1)?.type).toBe('jwt'))
    return heard.at(-1)
  }
  afterEach(() => localStorage.clear())

  it('is somebody for whom the page has no user token', async () => {
    await load([], guest)
    expect(await proof(await meet())).toMatchObject({ guest: true, jwt: undefined, visitor: null })
  })

  it('is not somebody whose user token could not be had', async () => {
    for (const getUserJwt of [async () => undefined, () => Promise.reject(new Error('offline'))]) {
      const api = await load([], { ...guest, getUserJwt })
      expect(await proof(await meet())).toMatchObject({ guest: false })
      api('shutdown')
      host()?.remove()
    }
  })

  it('is kept when the Messenger says so, and not before', async () => {
    await load([], guest)
    const first = await meet()
    expect(kept()).toBe(null)
    first.say({ type: 'visitor', secret: 'msgr_vis_1' })
    await vi.waitFor(() => expect(kept()).toBe('msgr_vis_1'))
  })

  it('who comes back is said again', async () => {
    localStorage.setItem('msgr.app_1.visitor', 'msgr_vis_1')
    await load([], guest)
    expect(await proof(await meet())).toMatchObject({ guest: true, visitor: 'msgr_vis_1' })
  })

  it('who logs in is said with the user token, and forgotten when it is merged', async () => {
    localStorage.setItem('msgr.app_1.visitor', 'msgr_vis_1')
    const api = await load([], guest)
    const before = inside<HTMLIFrameElement>('iframe')
    host()?.remove()
    api('boot', settings)
    expect(inside<HTMLIFrameElement>('iframe') === before).toBe(false)
    const panel = await meet()
    expect(await proof(panel)).toMatchObject({ guest: false, jwt: 'jwt', visitor: 'msgr_vis_1' })
    panel.say({ type: 'visitor', secret: '' })
    await vi.waitFor(() => expect(kept()).toBe(null))
  })

  it('is another one than the user that an update names', async () => {
    const token = `x.${btoa(JSON.stringify({ user_id: 'ada' }))}.y`
    const api = await load([], guest)
    const before = inside<HTMLIFrameElement>('iframe')
    host()?.remove()
    api('update', { user_jwt: token })
    expect(inside<HTMLIFrameElement>('iframe') === before).toBe(false)
  })

  it('is forgotten when it is shut down', async () => {
    localStorage.setItem('msgr.app_1.visitor', 'msgr_vis_1')
    const api = await load([], guest)
    api('shutdown')
    expect(kept()).toBe(null)
  })

  it('is served where the browser denies storage', async () => {
    const denied = vi.spyOn(window, 'localStorage', 'get').mockImplementation(() => {
      throw new DOMException('denied', 'SecurityError')
    })
    const api = await load([], guest)
    const panel = await meet()
    panel.say({ type: 'visitor', secret: 'msgr_vis_1' })
    expect(await proof(panel)).toMatchObject({ guest: true, visitor: undefined })
    expect(() => api('shutdown')).not.toThrow()
    expect(console.warn).not.toHaveBeenCalled()
    denied.mockRestore()
  })
})

describe('an update', () => {
  it('of the language, the theme or the colour is told to the panel', async () => {
    const api = await load([], settings)
    const { heard } = await meet()
    expect(heard[0]).toMatchObject({ type: 'init', look: { language: undefined } })
    api('update', { language_override: 'de', theme_mode: 'dark', action_color: '#aa0000' })
    const look = { theme: 'dark', action: '#aa0000', language: 'de' }
    await vi.waitFor(() => expect(heard).toContainEqual({ type: 'look', look }), 3_000)
  })

  it('of the width comes from the panel alone, and opening says whether the screen is full', async () => {
    const api = await load([], settings)
    const { heard, say } = await meet()
    say({ type: 'width', width: 688 })
    api('show')
    await vi.waitFor(() => expect(heard).toContainEqual({ type: 'open', open: true, full: false }))
    const box = inside('dialog').parentElement
    await vi.waitFor(() => expect(box?.style.getPropertyValue('--w')).toBe('688px'))
  })
})

describe('who a boot is for', () => {
  const token = (claims: object) => `x.${btoa(JSON.stringify(claims))}.y`

  it('is said by user_id, else by the token', () => {
    const of = (more: object) => identity({ app_id: 'a', ...more })
    expect(of({ user_jwt: token({ user_id: 'ada' }) })).toBe(of({ user_id: 'ada' }))
    expect(of({ user_jwt: token({ sub: 'ben' }) })).not.toBe(of({ user_id: 'ada' }))
    // somebody, and nobody
    expect(of({ user_jwt: 'nonsense' })).toBe(of({ getUserJwt: () => '' }))
    expect(of({ user_jwt: 'nonsense' })).not.toBe(of({}))
  })
})

describe('the npm wrapper', () => {
  it('queues until the loader is there and fetches it once', () => {
    page.Messenger = undefined
    sdk.onReady(() => {})
    sdk.default(settings)
    sdk.boot(settings)
    expect(page.Messenger.q.map(([method]: [string]) => method)).toEqual(['onReady', 'boot', 'boot'])
    expect(document.querySelectorAll('script[data-msgr]')).toHaveLength(1)
  })
})
