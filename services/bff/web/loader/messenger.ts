import type { Place, ToHost } from '../messenger/protocol'
import { createPanel, type Panel } from './panel'
import { identity, jwt, type Settings } from './settings'

/** `update` is carried out at most this often, in milliseconds. */
const UPDATES = 1_000

// biome-ignore lint/suspicious/noExplicitAny: whatever the page passes, in the order it knows from elsewhere
type Any = any
type Callback = (...values: Any[]) => void

const CALLBACKS = [
  'onShow',
  'onHide',
  'onUnreadCountChange',
  'onUserEmailSupplied',
  'onReady',
  'onError',
  'onSessionExpired',
  'onTicketUpdate'
]
/** Known from elsewhere; a page that calls them goes on working. */
const ABSENT = ['showArticle', 'showNews', 'startTour', 'startSurvey', 'startChecklist']

/** What `Messenger(method, …)` does; `origin` is where the loader came from. A closure, as the panel is. */
export function createMessenger(origin: string) {
  let settings: Settings | undefined
  let panel: Panel | undefined
  const callbacks = new Map(CALLBACKS.map((name) => [name, new Set<Callback>()]))
  let counts = { messages: 0, tickets: 0 }
  let who: (ToHost & { type: 'who' }) | undefined
  let ready = false
  let updating: ReturnType<typeof setTimeout> | undefined
  let updatedAt = 0
  /** What was asked for before there was a panel, in order. */
  let early: (() => void)[] = []
  /** What was set before the first boot. */
  let held: Partial<Settings> = {}
  const warned = new Set<string>()

  /** Never throws into the page. */
  function safely<T>(does: () => T): T | undefined {
    try {
      return does()
    } catch (error) {
      fail(error)
    }
    return undefined
  }

  const call = (method?: unknown, ...values: Any[]): unknown =>
    safely(() => {
      const name = String(method)
      // what comes with it may be a token
      debug(`${name}()`)
      const all = callbacks.get(name)
      if (all) return on(name, all, values[0])
      if (ABSENT.includes(name)) return console.info(`Messenger: ${name} is not available`)
      if (Object.hasOwn(methods, name)) return (methods as Record<string, Any>)[name](...values)
      warn(`there is no method ${name}`)
    })

  const methods = {
    boot: (more?: Settings): unknown => boot({ ...onPage(), ...held, ...more } as Settings),
    update,
    shutdown: () => {
      keep('visitor', '')
      keep('look', '')
      shutdown()
    },
    show: () =>
      soon((panel) => {
        // what is unread may not be known here yet
        if (!panel.open) panel.post({ type: 'go', place: { unread: true } })
        panel.show()
      }),
    hide: () => soon((panel) => panel.hide()),
    showSpace: (space?: string) => open({ space: `${space}` }),
    showMessages: () => open({ space: 'messages' }),
    showNewMessage: (text?: string) => open({ new: `${text ?? ''}`, send: false }),
    startConversation: (text?: string) => open({ new: `${text ?? ''}`, send: true }),
    showTicket: (id?: string | number) => open({ ticket: `${id ?? ''}` }),
    showConversation: (id?: string) => open({ conversation: `${id ?? ''}` }),
    hideNotifications: (hide?: boolean) => change({ hide_notifications: hide !== false }),
    setUserJwt: (token: string) => change({ user_jwt: `${token}` }),
    getVisitorId: () => who?.visitor,
    whoami: () => who && { contact_id: who.contact, name: who.name },
    trackEvent: () => undefined,
    off: (name: string, callback: Callback) => {
      callbacks.get(name)?.delete(callback)
    }
  }

  /** At once, or as soon as there is a panel. */
  function soon(does: (panel: Panel) => void) {
    if (panel) does(panel)
    else early.push(() => panel && does(panel))
  }

  function change(more: Partial<Settings>) {
    if (settings) update(more)
    else held = { ...held, ...more }
  }

  function boot(next: Settings): unknown {
    if (typeof next.app_id !== 'string' || !next.app_id) throw new Error('app_id is missing')
    if (next.api_base && !trusted(next.api_base)) throw new Error('api_base must be https, or http on localhost')
    if (next.user_hash) warn('user_jwt takes the place of user_hash')
    // a callback may name another customer by now; only a user_id says that it does not
    const known = next.user_id || !next.getUserJwt
    if (settings && known && identity(settings) === identity(next)) return update(next)
    // a customer's page never shows another one's; what is asked for before it was there is
    if (settings) shutdown()
    settings = next
    held = {}
    if (document.readyState === 'complete') start()
    else addEventListener('load', start, { once: true })
  }

  const start = () =>
    safely(() => {
      if (!settings || panel) return
      const base = settings.api_base ? new URL(settings.api_base).origin : origin
      const mine = createPanel(settings, base, keep('look') ?? '', {
        heard: (heard) => panel === mine && safely(() => hear(heard)),
        toggled: (open) => emit(open ? 'onShow' : 'onHide'),
        silent: (why) => {
          keep('look', '')
          fail(why)
        }
      })
      panel = mine
      updatedAt = Date.now()
      for (const does of early.splice(0)) safely(does)
    })

  function update(more?: Partial<Settings>): unknown {
    if (!settings) return methods.boot(more as Settings)
    const next = { ...settings, ...(more ?? onPage()) }
    if (identity(next) !== identity(settings)) return boot(next)
    settings = next
    // the last of many within a second
    updating ??= setTimeout(
      () =>
        safely(() => {
          updating = undefined
          updatedAt = Date.now()
          if (settings) panel?.wear(settings)
          panel?.post({ type: 'update' })
        }),
      Math.max(0, updatedAt + UPDATES - Date.now())
    )
  }

  function shutdown() {
    clearTimeout(updating)
    updating = undefined
    panel?.remove()
    panel = undefined
    settings = undefined
    who = undefined
    ready = false
    early = []
    tell({ messages: 0, tickets: 0 })
  }

  function open(place: Place) {
    soon((panel) => {
      panel.post({ type: 'go', place })
      panel.show()
    })
  }

  function hear(heard: ToHost) {
    switch (heard.type) {
      case 'jwt':
        prove().catch(fail)
        break
      case 'visitor':
        keep('visitor', heard.secret)
        break
      case 'keep':
        keep('look', heard.look)
        break
      case 'ready':
        ready = true
        emit('onReady')
        deepLink(heard.guest)
        break
      case 'refused':
        keep('look', '')
        who = undefined
        fail('user_jwt is refused or missing')
        break
      case 'signed_out':
        who = undefined
        emit('onSessionExpired')
        break
      case 'counts':
        tell({ messages: heard.messages, tickets: heard.tickets })
        break
      case 'who':
        who = heard
        break
      case 'ticket':
        emit('onTicketUpdate', heard.ticket)
    }
  }

  /** Says who the customer is, to the panel that asked: another one may be another customer's. */
  async function prove() {
    const asked = panel
    const now = settings as Settings
    const own = jwt(now)
    let token: string | null | undefined
    try {
      token = (await now.getUserJwt?.()) ?? own
    } catch (error) {
      fail(error)
    }
    const guest = !now.getUserJwt && !own
    if (asked === panel) asked?.post({ type: 'jwt', jwt: token, guest, user: now.user_id, visitor: keep('visitor') })
  }

  /**
   * A visitor's secret and the launcher's look, in the page's own storage: kept, forgotten when empty, else read.
   * Pages may deny it.
   */
  function keep(what: 'visitor' | 'look', value?: string) {
    const key = `msgr.${settings?.app_id}.${what}`
    try {
      if (value === undefined) return localStorage.getItem(key)
      if (value) localStorage.setItem(key, value)
      else localStorage.removeItem(key)
    } catch {}
    return undefined
  }

  function tell(next: typeof counts) {
    const changed = next.messages !== counts.messages || next.tickets !== counts.tickets
    counts = next
    if (changed) emit('onUnreadCountChange', ...unread())
  }

  const unread = () => [counts.messages + counts.tickets, { ...counts }]

  /**
   * `?msgr=ticket:123` and `#msgr/tickets/123`: followed once, then gone from the address. What could be nobody's but
   * a customer's waits in it until there is one.
   */
  function deepLink(guest?: boolean) {
    const url = new URL(location.href)
    const hash = /^#msgr\/(.+)/.exec(url.hash)
    const link = hash?.[1] ?? url.searchParams.get('msgr')
    if (!link || (guest && /[:/]./.test(link))) return
    url.searchParams.delete('msgr')
    if (hash) url.hash = ''
    history.replaceState(history.state, '', url)
    open({ link })
  }

  function on(name: string, all: Set<Callback>, callback: unknown) {
    if (typeof callback !== 'function') return warn(`${name} takes a function`)
    all.add(callback as Callback)
    if (name === 'onUnreadCountChange') run(callback as Callback, unread())
    if (name === 'onReady' && ready) run(callback as Callback, [])
  }

  function emit(name: string, ...values: Any[]) {
    for (const callback of callbacks.get(name) ?? []) run(callback, values)
  }

  /** What a page's own function throws is the page's, and stops nothing here. */
  function run(callback: Callback, values: Any[]) {
    queueMicrotask(() => {
      try {
        callback(...values)
      } catch (error) {
        console.error(error)
      }
    })
  }

  function fail(error: unknown) {
    const message = `${(error as Any)?.message ?? error}`
    warn(message)
    emit('onError', { message })
  }

  function warn(text: string) {
    if (warned.has(text)) return
    warned.add(text)
    console.warn(`Messenger: ${text}`)
  }

  function debug(text: string) {
    if ((settings ?? onPage()).debug) console.debug(`Messenger: ${text}`)
  }

  document.addEventListener('click', (event) => {
    const selector = settings?.custom_launcher_selector
    if (!selector || !(event.target instanceof Element)) return
    try {
      if (event.target.closest(selector)) {
        event.preventDefault()
        soon((panel) => panel.toggle())
      }
    } catch {
      warn('custom_launcher_selector is no selector')
    }
  })
  return call
}

/** Where tokens may be sent: over nothing that others can read. */
function trusted(base: string): boolean {
  try {
    return /^http(s:|:\/\/(127[\d.]+|(.+\.)?localhost)(:|$))/.test(new URL(base).origin)
  } catch {
    return false
  }
}

/** What the page has set for everybody to read. */
export function onPage(): Partial<Settings> {
  const { messengerSettings, intercomSettings } = window as Any
  return { ...(intercomSettings?.intercom_compat ? intercomSettings : {}), ...messengerSettings }
}
