import { HELLO, message, PORT, type ToFrame, type ToHost } from '../messenger/protocol'
import { pixels, type Settings } from './settings'
import { STYLE } from './style'

/** From the iframe's first word, in milliseconds: the launcher does not wait longer for a session. */
const PATIENCE = 3_000
/** Until the iframe's first word. */
const SILENCE = 15_000
/** Between two announcements. */
const QUIET = 10_000
/** An iframe that is let go may still end its session. */
const LAST = 1_000

export interface Listener {
  /** What the Messenger says, after the panel has taken its part. */
  heard(message: ToHost): void
  toggled(open: boolean): void
  /** Nothing is shown, and why. */
  silent(why: string): void
}

/** The launcher, the panel and the iframe in it, in a tree of their own. */
export class Panel {
  readonly host = document.createElement('msgr-messenger')
  #settings: Settings
  #base: string
  #listener: Listener
  #button = document.createElement('button')
  #badge = document.createElement('b')
  #dialog = document.createElement('dialog')
  #frame = document.createElement('iframe')
  #news = document.createElement('p')
  #box = document.createElement('div')
  #port: MessagePort | undefined
  #waiting: ToFrame[] = []
  // in English until the Messenger says them in the customer's language
  #labels = { open: 'Open Messenger', close: 'Close Messenger', news: '' }
  #count = 0
  #saidAt = 0
  #shows = false
  #phone = matchMedia('(max-width:480px),(max-height:520px)')
  #opener: HTMLElement | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #watching: MutationObserver

  constructor(settings: Settings, base: string, listener: Listener) {
    this.#settings = settings
    this.#base = base
    this.#listener = listener
    const root = this.host.attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLE)
    root.adoptedStyleSheets = [sheet]
    this.host.setAttribute('role', 'region')
    this.host.setAttribute('aria-label', 'Messenger')
    this.#button.className = 'launcher'
    this.#button.type = 'button'
    this.#button.setAttribute('aria-haspopup', 'dialog')
    this.#button.setAttribute('aria-controls', 'panel')
    this.#button.onclick = () => this.toggle()
    this.#badge.setAttribute('aria-hidden', 'true')
    this.#button.append(this.#badge)
    this.#dialog.id = 'panel'
    this.#dialog.setAttribute('aria-label', 'Messenger')
    // what a phone's own Back gesture makes of it where the whole screen is the panel
    this.#dialog.oncancel = (event) => {
      event.preventDefault()
      if (this.#port) this.post({ type: 'back' })
      else this.hide()
    }
    this.host.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.open) this.hide()
    })
    this.#frame.title = 'Messenger'
    this.#frame.referrerPolicy = 'no-referrer'
    this.#frame.src = `${base}/m/${encodeURIComponent(settings.app_id)}/`
    this.#news.setAttribute('role', 'status')
    this.#dialog.append(this.#frame)
    this.#box.append(this.#button, this.#dialog, this.#news)
    root.append(this.#box)
    this.wear(settings)
    addEventListener('message', this.#hello)
    this.#phone.onchange = () => {
      if (!this.open) return
      // from a window to the full screen or back, in the same document
      this.#dialog.close()
      this.#unfold()
    }
    visualViewport?.addEventListener('resize', this.#fit)
    // pages that swap their body take the element with it
    this.#watching = new MutationObserver(() => this.#attach())
    this.#attach()
    this.#watching.observe(document.documentElement, { childList: true })
    this.#timer = setTimeout(() => {
      listener.silent(`no answer from ${base}: is app_id right, and ${location.origin} an allowed origin?`)
    }, SILENCE)
  }

  get open() {
    return this.#dialog.open
  }

  /** What cannot be said yet is said in order as soon as it can. */
  post(what: ToFrame) {
    if (this.#port) this.#port.postMessage(what)
    else this.#waiting.push(what)
  }

  wear(settings: Settings) {
    this.#settings = settings
    const set = (name: string, value: string) => this.#box.style.setProperty(name, value)
    set('--x', `${pixels(settings.horizontal_padding, 20)}px`)
    set('--y', `${pixels(settings.vertical_padding, 20)}px`)
    set('--z', `${pixels(settings.z_index, 2147483000)}`)
    const colour = settings.action_color ?? ''
    if (/^#[0-9a-f]{6}$/i.test(colour)) set('--action', colour)
    this.#box.className = settings.alignment === 'left' ? 'start' : ''
    this.#paint()
    if (this.#port) this.post({ type: 'look', look: this.#look() })
  }

  show() {
    if (this.open) return
    this.#opener = document.activeElement as HTMLElement | null
    this.#unfold()
    this.#frame.focus({ preventScroll: true })
    this.#paint()
    this.#listener.toggled(true)
  }

  hide() {
    if (!this.open) return
    this.#dialog.close()
    this.#paint()
    this.post({ type: 'open', open: false })
    // the page's own button that opened it, else ours
    const to = this.#opener
    const own = to?.isConnected && to !== this.host && to !== document.body
    ;(own ? to : this.#button).focus({ preventScroll: true })
    this.#listener.toggled(false)
  }

  toggle() {
    if (this.open) this.hide()
    else this.show()
  }

  /** Takes it off the page; the session ends behind the scenes. */
  remove(end: boolean) {
    if (this.open) this.hide()
    clearTimeout(this.#timer)
    this.#watching.disconnect()
    removeEventListener('message', this.#hello)
    visualViewport?.removeEventListener('resize', this.#fit)
    this.#phone.onchange = null
    this.#button.remove()
    if (end) this.post({ type: 'shutdown' })
    setTimeout(() => {
      this.#port?.close()
      this.host.remove()
    }, LAST)
  }

  /** The only word that is heard outside of a port, and only from our own iframe. */
  #hello = (event: MessageEvent) => {
    if (event.origin !== this.#base || event.source !== this.#frame.contentWindow || event.data !== HELLO) return
    clearTimeout(this.#timer)
    this.#port?.close()
    const channel = new MessageChannel()
    this.#port = channel.port1
    this.#port.onmessage = ({ data }) => {
      const heard = message<ToHost>(data)
      if (heard) this.#hear(heard)
    }
    this.#frame.contentWindow?.postMessage(PORT, this.#base, [channel.port2])
    const settings = this.#settings
    const first: ToFrame = {
      type: 'init',
      platform: settings.platform,
      look: this.#look()
    }
    this.#port.postMessage(first)
    if (this.open) this.#port.postMessage({ type: 'open', open: true, full: this.#phone.matches } satisfies ToFrame)
    for (const early of this.#waiting.splice(0)) this.#port.postMessage(early)
    this.#timer = setTimeout(() => this.#appear(true), PATIENCE)
  }

  #look() {
    const { theme_mode, action_color, language_override } = this.#settings
    return { theme: theme_mode, action: action_color, language: language_override }
  }

  #hear(heard: ToHost) {
    if (heard.type === 'ready') this.#appear(true)
    else if (heard.type === 'refused') this.#appear(false)
    else if (heard.type === 'close') this.hide()
    else if (heard.type === 'labels') {
      this.#labels = heard
      // what can be read on the host's colour
      this.#box.style.setProperty('--ink', heard.ink)
      this.#paint()
    } else if (heard.type === 'width') this.#box.style.setProperty('--w', `${heard.width}px`)
    else if (heard.type === 'counts') {
      const before = this.#count
      this.#count = heard.messages + heard.tickets
      if (this.#count > before) this.#announce()
      this.#paint()
    }
    this.#listener.heard(heard)
  }

  #appear(shows: boolean) {
    clearTimeout(this.#timer)
    this.#shows = shows
    this.#paint()
    if (!shows) this.hide()
  }

  #announce() {
    if (this.open || this.#settings.hide_notifications || Date.now() - this.#saidAt < QUIET) return
    this.#saidAt = Date.now()
    this.#news.textContent = this.#labels.news
    setTimeout(() => {
      this.#news.textContent = ''
    }, QUIET)
  }

  #paint() {
    const { open } = this
    const { hide_default_launcher, hide_notifications } = this.#settings
    this.#button.hidden = !this.#shows || !!hide_default_launcher
    this.#button.setAttribute('aria-expanded', String(open))
    this.#button.setAttribute('aria-label', open ? this.#labels.close : this.#labels.open)
    const count = this.#count
    this.#badge.textContent = open || !count || hide_notifications ? '' : count > 9 ? '9+' : `${count}`
  }

  #unfold() {
    const modal = this.#phone.matches
    this.#dialog.classList.toggle('modal', modal)
    if (modal) this.#dialog.showModal()
    else this.#dialog.show()
    this.#fit()
    this.post({ type: 'open', open: true, full: this.#phone.matches })
  }

  /** On a phone the keyboard takes a part of the screen. */
  #fit = () => {
    const seen = visualViewport
    const modal = this.open && this.#phone.matches && seen && seen.scale === 1 && seen.height < innerHeight - 1
    this.#dialog.style.blockSize = modal ? `${seen.height}px` : ''
    this.#dialog.style.insetBlockStart = modal ? `${seen.offsetTop}px` : ''
  }

  #attach() {
    if (this.host.isConnected) return
    const parent = document.body ?? document.documentElement
    parent.append(this.host)
    this.#watching.observe(parent, { childList: true })
  }
}
