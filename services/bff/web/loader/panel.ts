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

export type Panel = ReturnType<typeof createPanel>

/**
 * The launcher, the panel and the iframe in it, in a tree of their own. `kept` is how the launcher looked at the last
 * visit: with it, it shows at once. A closure and no class: names in here cost the page nothing.
 */
export function createPanel(initial: Settings, base: string, kept: string, listener: Listener) {
  let settings = initial
  const host = made('msgr-messenger', { role: 'region', 'aria-label': 'Messenger' })
  const button = made('button', {
    class: 'launcher',
    type: 'button',
    'aria-haspopup': 'dialog',
    'aria-controls': 'panel'
  }) as HTMLButtonElement
  const badge = made('b', { 'aria-hidden': 'true' })
  const dialog = made('dialog', { id: 'panel', 'aria-label': 'Messenger' }) as HTMLDialogElement
  const frame = made('iframe', { title: 'Messenger', referrerpolicy: 'no-referrer' }) as HTMLIFrameElement
  const news = made('p', { role: 'status' })
  const box = document.createElement('div')
  const phone = matchMedia('(max-width:480px),(max-height:520px)')
  let port: MessagePort | undefined
  const waiting: ToFrame[] = []
  // in English until the Messenger says them in the customer's language
  const [ink, open = 'Open Messenger', close = 'Close Messenger'] = kept.split('\n')
  let labels = { open, close, news: '' }
  let count = 0
  let saidAt = 0
  let shows = !!kept
  let opener: HTMLElement | null = null

  const set = (name: string, value: string) => box.style.setProperty(name, value)

  /** What cannot be said yet is said in order as soon as it can. */
  function post(what: ToFrame) {
    // what a page passes may be what no port carries, such as a function
    if (port) port.postMessage(JSON.parse(JSON.stringify(what)))
    else waiting.push(what)
  }

  function wear(next: Settings) {
    settings = next
    set('--x', `${pixels(next.horizontal_padding, 20)}px`)
    set('--y', `${pixels(next.vertical_padding, 20)}px`)
    set('--z', `${pixels(next.z_index, 2147483000)}`)
    const colour = next.action_color ?? ''
    set('--action', /^#([0-9a-f]{3}){1,2}$/i.test(colour) ? colour : '')
    box.className = next.alignment === 'left' ? 'start' : ''
    paint()
    if (port) post({ type: 'look', look: look() })
  }

  function look() {
    return {
      theme: settings.theme_mode,
      action: settings.action_color,
      background: settings.background_color,
      link: settings.link_color,
      language: settings.language_override,
      lasts: settings.session_duration,
      debug: settings.debug,
      names: Object.keys(settings)
    }
  }

  function show() {
    if (dialog.open) return
    opener = document.activeElement as HTMLElement | null
    unfold()
    frame.focus({ preventScroll: true })
    paint()
    listener.toggled(true)
  }

  function hide() {
    if (!dialog.open) return
    dialog.close()
    paint()
    post({ type: 'open', open: false })
    // the page's own button that opened it, else ours
    const own = opener?.isConnected && opener !== host && opener !== document.body
    ;(own ? (opener as HTMLElement) : button).focus({ preventScroll: true })
    listener.toggled(false)
  }

  function toggle() {
    if (dialog.open) hide()
    else show()
  }

  /** The only word that is heard outside of a port, and only from our own iframe. */
  function hello(event: MessageEvent) {
    if (event.origin !== base || event.source !== frame.contentWindow || event.data !== HELLO) return
    clearTimeout(timer)
    port?.close()
    const channel = new MessageChannel()
    port = channel.port1
    port.onmessage = ({ data }) => {
      const heard = message<ToHost>(data)
      if (heard) hear(heard)
    }
    frame.contentWindow?.postMessage(PORT, base, [channel.port2])
    timer = setTimeout(() => appear(true), PATIENCE)
    post({ type: 'init', platform: settings.platform, look: look() })
    if (dialog.open) unfolded()
    waiting.splice(0).forEach(post)
  }

  function hear(heard: ToHost) {
    if (heard.type === 'ready') appear(true)
    else if (heard.type === 'refused') appear(false)
    else if (heard.type === 'close') hide()
    else if (heard.type === 'labels') {
      labels = heard
      // what can be read on the host's colour
      set('--ink', heard.ink)
      paint()
    } else if (heard.type === 'width') set('--w', `${heard.width}px`)
    else if (heard.type === 'counts') {
      const before = count
      count = heard.messages + heard.tickets
      if (count > before) announce()
      paint()
    }
    listener.heard(heard)
  }

  function appear(now: boolean) {
    clearTimeout(timer)
    shows = now
    paint()
    if (!now) hide()
  }

  function announce() {
    if (dialog.open || settings.hide_notifications || Date.now() - saidAt < QUIET) return
    saidAt = Date.now()
    news.textContent = labels.news
    setTimeout(() => {
      news.textContent = ''
    }, QUIET)
  }

  function paint() {
    const { open } = dialog
    const { hide_default_launcher, hide_notifications } = settings
    button.hidden = !shows || !!hide_default_launcher
    button.setAttribute('aria-expanded', `${open}`)
    button.setAttribute('aria-label', open ? labels.close : labels.open)
    badge.textContent = open || !count || hide_notifications ? '' : count > 9 ? '9+' : `${count}`
  }

  function unfold() {
    const modal = phone.matches
    dialog.classList.toggle('modal', modal)
    if (modal) dialog.showModal()
    else dialog.show()
    cover()
    unfolded()
  }

  const unfolded = () => post({ type: 'open', open: true, full: phone.matches })

  /** On a phone the keyboard takes a part of the screen. */
  function cover() {
    const seen = visualViewport
    const modal = dialog.open && phone.matches && seen && seen.scale === 1 && seen.height < innerHeight - 1
    dialog.style.blockSize = modal ? `${seen.height}px` : ''
    dialog.style.insetBlockStart = modal ? `${seen.offsetTop}px` : ''
  }

  function attach() {
    if (host.isConnected) return
    const parent = document.body ?? document.documentElement
    parent.append(host)
    watching.observe(parent, { childList: true })
  }

  const sheet = new CSSStyleSheet()
  sheet.replaceSync(STYLE)
  const root = host.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [sheet]
  button.onclick = toggle
  // what a phone's own Back gesture makes of it where the whole screen is the panel
  dialog.oncancel = (event) => {
    event.preventDefault()
    if (port) post({ type: 'back' })
    else hide()
  }
  host.onkeydown = (event) => {
    if (event.key === 'Escape') hide()
  }
  frame.src = `${base}/m/${encodeURIComponent(settings.app_id)}/`
  dialog.append(frame)
  button.append(badge)
  box.append(button, dialog, news)
  root.append(box)
  if (ink) set('--ink', ink)
  wear(settings)
  addEventListener('message', hello)
  phone.onchange = () => {
    if (!dialog.open) return
    // from a window to the full screen or back, in the same document
    dialog.close()
    unfold()
  }
  visualViewport?.addEventListener('resize', cover)
  // pages that swap their body take the element with it
  const watching = new MutationObserver(attach)
  attach()
  watching.observe(document.documentElement, { childList: true })
  let timer = setTimeout(() => {
    // one that showed from the last visit would open nothing
    appear(false)
    listener.silent(`no answer from ${base}: is app_id right, and ${location.origin} an allowed origin?`)
  }, SILENCE)

  return {
    get open() {
      return dialog.open
    },
    post,
    wear,
    show,
    hide,
    toggle,
    /** Takes it off the page; the session ends behind the scenes. */
    remove() {
      hide()
      clearTimeout(timer)
      watching.disconnect()
      removeEventListener('message', hello)
      visualViewport?.removeEventListener('resize', cover)
      phone.onchange = null
      button.remove()
      post({ type: 'shutdown' })
      setTimeout(() => {
        port?.close()
        host.remove()
      }, LAST)
    }
  }
}

function made(name: string, attributes: Record<string, string>): HTMLElement {
  const element = document.createElement(name)
  for (const key in attributes) element.setAttribute(key, attributes[key] as string)
  return element
}
