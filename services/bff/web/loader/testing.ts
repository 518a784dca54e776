/** A page that a loader is loaded into, and a frame that is played. */
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { HELLO, PORT, type ToFrame, type ToHost } from '../messenger/protocol'

export const BASE = 'https://bff.test'
// biome-ignore lint/suspicious/noExplicitAny: the page's own names
export const page = window as any
export const turn = () => new Promise((resolve) => setTimeout(resolve))

page.happyDOM.settings.disableIframePageLoading = false
// nothing is fetched here: an address is only kept
Object.defineProperty(HTMLIFrameElement.prototype, 'src', {
  get: () => '',
  set(this: HTMLElement, src: string) {
    this.dataset.src = src
  }
})

/** Starts the loader anew, as a page that was just opened would. */
export async function load(queued: unknown[][] = [], settings?: object) {
  vi.resetModules()
  page.Messenger = Object.assign(() => {}, { q: queued })
  if (settings) page.messengerSettings = settings
  await import('./main')
  return page.Messenger
}

export const host = () => document.querySelector('msgr-messenger')
export const inside = <E extends Element>(selector: string) => host()?.shadowRoot?.querySelector(selector) as E

/** Plays the iframe: says hello and gives the port it is handed. */
export async function meet() {
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

export const settings = { app_id: 'app_1', api_base: BASE, user_jwt: 'jwt' }
