import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as sdk from '../sdk'
import { identity } from './settings'
import { BASE, host, inside, load, meet, page, settings, turn } from './testing'

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
    const odd = {
      theme_mode: () => {},
      z_index: Symbol('z'),
      custom_launcher_selector: '[',
      link_color: 10n,
      platform: []
    }
    expect(() => api('update', odd)).not.toThrow()
    document.body.click()
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
    expect(await proof(await meet())).toEqual({ type: 'jwt', guest: true, visitor: null })
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
    expect(await proof(panel)).toEqual({ type: 'jwt', guest: true })
    expect(() => api('shutdown')).not.toThrow()
    expect(console.warn).not.toHaveBeenCalled()
    denied.mockRestore()
  })
})

describe('an update', () => {
  it('of the language, the theme or the colour is told to the panel', async () => {
    const api = await load([], settings)
    const { heard } = await meet()
    expect(heard[0]).toEqual({ type: 'init', look: { names: Object.keys(settings) } })
    api('update', {
      language_override: 'de',
      theme_mode: 'dark',
      action_color: '#aa0000',
      background_color: '#00aa00',
      link_color: '#0000aa'
    })
    const look = { theme: 'dark', action: '#aa0000', background: '#00aa00', link: '#0000aa', language: 'de' }
    await vi.waitFor(() => expect(heard).toContainEqual({ type: 'look', look: expect.objectContaining(look) }), 3_000)
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

describe('before the page has loaded', () => {
  const loaded = () => window.dispatchEvent(new Event('load'))
  beforeEach(() => {
    Object.defineProperty(document, 'readyState', { value: 'loading', configurable: true })
  })

  it('there is nothing yet, and an update does not keep it from coming', async () => {
    const api = await load([], settings)
    api('update', { alignment: 'left' })
    api('boot', settings)
    expect(host()).toBe(null)
    loaded()
    expect(inside('.start .launcher')).toBeTruthy()
  })

  it('what is asked for is done, in order, as soon as there is a panel', async () => {
    const api = await load([['show'], ['hide'], ['showTicket', 7]], settings)
    const shown = vi.fn()
    api('onShow', shown)
    api('hideNotifications', true)
    loaded()
    expect(inside<HTMLDialogElement>('dialog').open).toBe(true)
    await turn()
    expect(shown).toHaveBeenCalledTimes(2)
    const { heard } = await meet()
    expect(heard.flatMap((one) => (one.type === 'go' ? one.place : []))).toEqual([{ unread: true }, { ticket: '7' }])
  })

  it('hiding notifications is remembered for the boot that comes', async () => {
    const api = await load([['hideNotifications', true]])
    api('boot', settings)
    loaded()
    const { say } = await meet()
    say({ type: 'counts', messages: 1, tickets: 0 })
    await turn()
    expect(inside('b').textContent).toBe('')
  })
})

describe('the colour of the launcher', () => {
  it('is the usual one again when it is taken back or is none', async () => {
    const api = await load([], settings)
    await meet()
    const box = inside('dialog').parentElement
    const wears = (colour: string) =>
      vi.waitFor(() => expect(box?.style.getPropertyValue('--action')).toBe(colour), 3_000)
    api('update', { action_color: '#ffffff' })
    await wears('#ffffff')
    api('update', { action_color: 'red' })
    await wears('')
    api('update', { action_color: '#ffffff' })
    await wears('#ffffff')
    api('update', { action_color: '#fff' })
    await wears('#fff')
    api('update', { action_color: undefined })
    await wears('')
  })
})

describe('a second boot', () => {
  it('with a callback that may name another customer begins anew, unless user_id says it is the same', async () => {
    const guest = { app_id: 'app_1', api_base: BASE, getUserJwt: async () => 'jwt' }
    const api = await load([], guest)
    // one that is shut down stays until its session has ended
    const hosts = () => [...document.querySelectorAll('msgr-messenger')]
    const first = hosts().at(-1)
    api('boot', guest)
    const second = hosts().at(-1)
    expect(second).not.toBe(first)
    api('update', { language_override: 'de' })
    expect(hosts().at(-1)).toBe(second)
    api('boot', { ...guest, user_id: 'ada' })
    const third = hosts().at(-1)
    expect(third).not.toBe(second)
    api('boot', { ...guest, user_id: 'ada' })
    expect(hosts().at(-1)).toBe(third)
    for (const host of hosts()) host.remove()
  })
})

describe('an address that is none', () => {
  it('is said in a sentence, and the next boot has a better one', async () => {
    const failed = vi.fn()
    const api = await load([['onError', failed]])
    for (const api_base of ['messenger.example.com', 'localhost:8080', '/', 7]) {
      expect(() => api('boot', { ...settings, api_base })).not.toThrow()
      await turn()
      expect(failed.mock.lastCall?.[0].message).toContain('api_base')
    }
    expect(failed).toHaveBeenCalledTimes(4)
    api('boot', settings)
    expect(inside('iframe')).toBeTruthy()
  })
})

describe('the address of the page', () => {
  const ready = async (address: string, guest = false) => {
    history.replaceState(null, '', address)
    const api = await load([], settings)
    const panel = await meet()
    panel.say({ type: 'ready', guest })
    await turn()
    await turn()
    const places = panel.heard.flatMap((one) => (one.type === 'go' ? [one.place] : []))
    api('shutdown')
    host()?.remove()
    return { places, left: location.search + location.hash }
  }
  afterEach(() => history.replaceState(null, '', '/'))

  it('may name a ticket, a conversation or a space, once', async () => {
    expect(await ready('/?a=b&msgr=ticket:12')).toEqual({ places: [{ link: 'ticket:12' }], left: '?a=b' })
    expect(await ready('/#msgr/tickets/TCK%2D12')).toEqual({ places: [{ link: 'tickets/TCK%2D12' }], left: '' })
    expect(await ready('/#msgr/tickets')).toEqual({ places: [{ link: 'tickets' }], left: '' })
    expect((await ready('/#basket')).left).toBe('#basket')
  })

  it('leads to nothing of a customer while there is none, and waits for one', async () => {
    expect(await ready('/?msgr=ticket:12', true)).toEqual({ places: [], left: '?msgr=ticket:12' })
    expect(await ready('/?msgr=messages', true)).toEqual({ places: [{ link: 'messages' }], left: '' })
    expect(await ready('/#msgr/tickets/', true)).toEqual({ places: [{ link: 'tickets/' }], left: '' })
  })
})

describe('the launcher of somebody who was here before', () => {
  const look = ['#0b1320', 'Messenger öffnen', 'Messenger schließen'].join('\n')
  const kept = () => localStorage.getItem('msgr.app_1.look')
  afterEach(() => {
    localStorage.clear()
    vi.useRealTimers()
  })

  it('is there at once, in the words and the colour that it had', async () => {
    localStorage.setItem('msgr.app_1.look', look)
    await load([], settings)
    const button = inside<HTMLButtonElement>('button')
    expect([button.hidden, button.getAttribute('aria-label')]).toEqual([false, 'Messenger öffnen'])
    expect(button.parentElement?.style.getPropertyValue('--ink')).toBe('#0b1320')
  })

  it('is kept at the word of the Messenger, and until the page shuts it down', async () => {
    const api = await load([], settings)
    const { say } = await meet()
    say({ type: 'ready' })
    await turn()
    expect(kept()).toBe(null)
    say({ type: 'keep', look })
    await vi.waitFor(() => expect(kept()).toBe(look))
    api('shutdown')
    expect(kept()).toBe(null)
  })

  it('goes away, and is not kept, when nobody is let in any more', async () => {
    localStorage.setItem('msgr.app_1.look', look)
    await load([], settings)
    const { say } = await meet()
    say({ type: 'refused' })
    await vi.waitFor(() => expect(kept()).toBe(null))
    expect(inside<HTMLButtonElement>('button').hidden).toBe(true)
  })

  it('goes away, and is not kept, when nothing answers', async () => {
    localStorage.setItem('msgr.app_1.look', look)
    vi.useFakeTimers()
    await load([], settings)
    await vi.advanceTimersByTimeAsync(15_000)
    expect([inside<HTMLButtonElement>('button').hidden, kept()]).toEqual([true, null])
  })
})

describe('what a page may ask of who is there', () => {
  it('is the contact, and that it is a visitor', async () => {
    const api = await load([], settings)
    expect([api('whoami'), api('getVisitorId')]).toEqual([undefined, undefined])
    const { say } = await meet()
    say({ type: 'who', contact: 'con_1', name: '', visitor: 'con_1' })
    await vi.waitFor(() => expect(api('getVisitorId')).toBe('con_1'))
    say({ type: 'who', contact: 'con_2', name: 'Ada' })
    await vi.waitFor(() => expect(api('whoami')).toEqual({ contact_id: 'con_2', name: 'Ada' }))
    expect(api('getVisitorId')).toBe(undefined)
  })

  it('is told on the console to a page that wants to know, without what was passed', async () => {
    const debug = vi.spyOn(console, 'debug').mockImplementation(() => {})
    const api = await load([], { ...settings, debug: true })
    api('setUserJwt', 'secret')
    expect(debug.mock.calls).toContainEqual(['Messenger: setUserJwt()'])
    expect(JSON.stringify(debug.mock.calls)).not.toContain('secret')
    debug.mockClear()
    api('update', { debug: false })
    api('show')
    expect(debug.mock.calls).toEqual([['Messenger: update()']])
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
    expect(() => sdk.boot(null as never)).not.toThrow()
  })

  it('gives the loader the nonce that the page’s policy asks for', () => {
    page.Messenger = undefined
    document.querySelector('script[data-msgr]')?.remove()
    sdk.boot({ ...settings, csp_nonce: 'n1' })
    expect(document.querySelector<HTMLScriptElement>('script[data-msgr]')?.nonce).toBe('n1')
  })
})
