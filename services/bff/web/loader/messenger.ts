import type { Place, ToHost } from '../messenger/protocol'
import { Panel } from './panel'
import { identity, jwt, type Settings } from './settings'

/** `update` is carried out at most this often, in milliseconds. */
const UPDATES = 1_000

// biome-ignore lint/suspicious/noExplicitAny: whatever the page passes, in the order it knows from elsewhere
type Any = any
type Callback = (...values: Any[]) => void
type Space = 'home' | 'messages' | 'tickets'

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

/** What `Messenger(method, …)` does. */
export class Messenger {
  #settings: Settings | undefined
  #panel: Panel | undefined
  #callbacks = new Map<string, Set<Callback>>()
  #counts = { messages: 0, tickets: 0 }
  #who: { contact_id: string; name: string } | undefined
  #ready = false
  #updating: ReturnType<typeof setTimeout> | undefined
  #updatedAt = 0
  #warned = new Set<string>()

  #origin: string

  constructor(origin: string) {
    this.#origin = origin
    document.addEventListener('click', (event) => {
      const selector = this.#settings?.custom_launcher_selector
      if (!selector || !(event.target instanceof Element)) return
      try {
        if (event.target.closest(selector)) {
          event.preventDefault()
          this.#panel?.toggle()
        }
      } catch {
        this.#warn('custom_launcher_selector is no selector')
      }
    })
  }

  /** Never throws into the page. */
  call = (method?: unknown, ...values: Any[]): unknown => {
    try {
      const name = String(method)
      if (CALLBACKS.includes(name)) return this.#on(name, values[0])
      if (ABSENT.includes(name)) return console.info(`Messenger: ${name} is not available`)
      const does = (this.#methods as Record<string, (...values: Any[]) => unknown>)[name]
      if (Object.hasOwn(this.#methods, name) && does) return does(...values)
      this.#warn(`there is no method ${name}`)
    } catch (error) {
      this.#fail(error)
    }
  }

  #methods = {
    boot: (settings?: Settings): unknown => this.#boot({ ...onPage(), ...settings } as Settings),
    update: (settings?: Partial<Settings>): unknown => {
      if (!this.#settings) return this.#methods.boot(settings as Settings)
      const next = { ...this.#settings, ...(settings ?? onPage()) }
      if (identity(next) !== identity(this.#settings)) return this.#boot(next)
      this.#settings = next
      // the last of many within a second
      if (this.#updating) return
      const wait = Math.max(0, this.#updatedAt + UPDATES - Date.now())
      this.#updating = setTimeout(() => this.#update(), wait)
    },
    shutdown: () => {
      this.#visitor('')
      this.#shutdown(true)
    },
    show: () => {
      if (this.#panel && !this.#panel.open && this.#counts.messages) this.#go({ space: 'messages' })
      this.#panel?.show()
    },
    hide: () => this.#panel?.hide(),
    showSpace: (space?: string) => {
      const known = ['home', 'messages', 'tickets'].includes(space ?? '')
      if (!known) console.info(`Messenger: ${space} is not available`)
      this.#open({ space: known ? (space as Space) : 'home' })
    },
    showMessages: () => this.#open({ space: 'messages' }),
    showNewMessage: (text?: string) => this.#open({ new: String(text ?? ''), send: false }),
    startConversation: (text?: string) => this.#open({ new: String(text ?? ''), send: true }),
    showTicket: (id?: string | number) => this.#open({ ticket: String(id ?? '') }),
    showConversation: (id?: string) => this.#open({ conversation: String(id ?? '') }),
    hideNotifications: (hide?: boolean) => this.#methods.update({ hide_notifications: hide !== false }),
    setUserJwt: (token: string) => {
      if (this.#settings) this.#methods.update({ user_jwt: String(token) })
    },
    getVisitorId: () => undefined,
    whoami: () => this.#who,
    trackEvent: () => undefined,
    off: (name: string, callback: Callback) => {
      this.#callbacks.get(name)?.delete(callback)
    }
  }

  #boot(settings: Settings): unknown {
    if (typeof settings.app_id !== 'string' || !settings.app_id) return this.#fail(new Error('app_id is missing'))
    if (settings.user_hash) this.#warn('user_jwt takes the place of user_hash')
    if (this.#settings && identity(this.#settings) === identity(settings)) return this.#methods.update(settings)
    // a customer's page never shows another one's
    if (this.#settings) this.#shutdown(true)
    this.#settings = settings
    if (document.readyState === 'complete') this.#start()
    else addEventListener('load', () => this.#settings === settings && this.#start(), { once: true })
  }

  #start() {
    const settings = this.#settings
    if (!settings || this.#panel) return
    const panel = new Panel(settings, this.base(settings), {
      heard: (heard) => this.#panel === panel && this.#hear(heard),
      toggled: (open) => this.#emit(open ? 'onShow' : 'onHide'),
      silent: (why) => this.#fail(new Error(why))
    })
    this.#panel = panel
    this.#updatedAt = Date.now()
    for (const place of this.#early.splice(0)) this.#open(place)
  }

  #early: Place[] = []

  private base({ api_base }: Settings): string {
    return api_base ? new URL(api_base).origin : this.#origin
  }

  #update() {
    this.#updating = undefined
    this.#updatedAt = Date.now()
    const settings = this.#settings
    const panel = this.#panel
    if (!settings || !panel) return
    panel.wear(settings)
    panel.post({ type: 'update' })
  }

  #shutdown(end: boolean) {
    clearTimeout(this.#updating)
    this.#updating = undefined
    this.#panel?.remove(end)
    this.#panel = undefined
    this.#settings = undefined
    this.#who = undefined
    this.#ready = false
    this.#early = []
    this.#count({ messages: 0, tickets: 0 })
  }

  #open(place: Place) {
    if (!this.#panel) return this.#early.push(place)
    this.#go(place)
    this.#panel.show()
  }

  #go(place: Place) {
    this.#panel?.post({ type: 'go', place })
  }

  #hear(heard: ToHost) {
    switch (heard.type) {
      case 'jwt':
        this.#prove()
        break
      case 'visitor':
        this.#visitor(heard.secret)
        break
      case 'ready':
        this.#ready = true
        this.#emit('onReady')
        this.#deepLink()
        break
      case 'refused':
        this.#fail(new Error('user_jwt is refused or missing'))
        break
      case 'signed_out':
        this.#emit('onSessionExpired')
        break
      case 'counts':
        this.#count({ messages: heard.messages, tickets: heard.tickets })
        break
      case 'who':
        this.#who = { contact_id: heard.contact, name: heard.name }
        break
      case 'ticket':
        this.#emit('onTicketUpdate', heard.ticket)
    }
  }

  /** Says who the customer is, to the panel that asked: another one may be another customer's. */
  async #prove() {
    const panel = this.#panel
    const settings = this.#settings as Settings
    const own = jwt(settings)
    let token: string | null | undefined
    try {
      token = (await settings.getUserJwt?.()) ?? own
    } catch (error) {
      this.#fail(error)
    }
    const guest = !settings.getUserJwt && !own
    if (panel === this.#panel)
      panel?.post({ type: 'jwt', jwt: token, guest, user: settings.user_id, visitor: this.#visitor() })
  }

  /** A visitor's secret, in the page's own storage: kept, forgotten when empty, else read. Pages may deny it. */
  #visitor(secret?: string) {
    const key = `msgr.${this.#settings?.app_id}.visitor`
    try {
      if (secret === undefined) return localStorage.getItem(key)
      if (secret) localStorage.setItem(key, secret)
      else localStorage.removeItem(key)
    } catch {}
  }

  #count(counts: { messages: number; tickets: number }) {
    const changed = counts.messages !== this.#counts.messages || counts.tickets !== this.#counts.tickets
    this.#counts = counts
    if (changed) this.#emit('onUnreadCountChange', counts.messages + counts.tickets, { ...counts })
  }

  /** `?msgr=ticket:123` and `#msgr/tickets/123`: followed once, then gone from the address. */
  #deepLink() {
    const url = new URL(location.href)
    const [kind, id] = (
      url.searchParams.get('msgr') ??
      /^#msgr\/(\w+)\/?(.*)$/.exec(url.hash)?.slice(1, 3).join(':') ??
      ''
    ).split(':')
    if (!kind) return
    url.searchParams.delete('msgr')
    if (url.hash.startsWith('#msgr/')) url.hash = ''
    history.replaceState(history.state, '', url)
    const one = kind.replace(/s$/, '')
    if (id && ['ticket', 'conversation'].includes(one)) this.#open({ [one]: decodeURIComponent(id) } as Place)
    else this.#methods.showSpace(kind)
  }

  #on(name: string, callback: unknown) {
    if (typeof callback !== 'function') return this.#warn(`${name} takes a function`)
    const all = this.#callbacks.get(name) ?? new Set()
    all.add(callback as Callback)
    this.#callbacks.set(name, all)
    if (name === 'onUnreadCountChange')
      this.#run(callback as Callback, [this.#counts.messages + this.#counts.tickets, { ...this.#counts }])
    if (name === 'onReady' && this.#ready) this.#run(callback as Callback, [])
  }

  #emit(name: string, ...values: Any[]) {
    for (const callback of this.#callbacks.get(name) ?? []) this.#run(callback, values)
  }

  /** What a page's own function throws is the page's, and stops nothing here. */
  #run(callback: Callback, values: Any[]) {
    queueMicrotask(() => {
      try {
        callback(...values)
      } catch (error) {
        console.error(error)
      }
    })
  }

  #fail(error: unknown) {
    const text = error instanceof Error ? error.message : String(error)
    this.#warn(text)
    this.#emit('onError', { message: text })
  }

  #warn(text: string) {
    if (this.#warned.has(text)) return
    this.#warned.add(text)
    console.warn(`Messenger: ${text}`)
  }
}

/** What the page has set for everybody to read. */
export function onPage(): Partial<Settings> {
  const { messengerSettings, intercomSettings } = window as Any
  return { ...(intercomSettings?.intercom_compat ? intercomSettings : {}), ...messengerSettings }
}
