/** Starts the Messenger in its iframe, once the page around it has shown who it is. */
import './styles/index.css'
import { batch, computed, effect, signal } from '@preact/signals'
import { render } from 'preact'
import type { PlatformJson } from '../gen/messenger/settings/v1/types_pb'
import { connect } from '../rpc/connect'
import { api as makeApi } from './api'
import { createApp } from './app'
import { Provide } from './context'
import { ignored } from './debug'
import { go } from './go'
import { speak, t } from './i18n'
import { startTicking } from './i18n/time'
import { ink, wear } from './look'
import { meet } from './port'
import { type Look, message, type Platform, type Proof, type ToFrame, type ToHost } from './protocol'
import { Session } from './session'
import { Shell } from './shell'
import { below } from './state/route'
import { Trail } from './trail'
import { stateLabel } from './ui/parts'
import { read, written } from './visitor'

/** Not looked at for this long, a page lets its stream go; in milliseconds. */
const HIDDEN = 30_000
/** The host says who its customer is within this time. */
const HOST = 10_000
/** Of the panel, in pixels. */
const NARROW = 400
const WIDE = 688
const PLATFORMS: Record<Platform, PlatformJson> = {
  web: 'PLATFORM_WEB',
  ios: 'PLATFORM_IOS',
  android: 'PLATFORM_ANDROID'
}

const meta = (name: string) => document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? ''

async function begin() {
  const port = await meet(meta('msgr:origins').split(' ').filter(Boolean), window.parent)
  const say = (what: ToHost) => port.postMessage(what)
  let begun = false
  let started: ReturnType<typeof start> | undefined
  let answer: ((proof: Proof) => void) | undefined
  const askHost = () =>
    new Promise<Proof>((resolve) => {
      const timer = setTimeout(() => resolve({}), HOST)
      answer = (proof) => {
        clearTimeout(timer)
        resolve(proof)
      }
      say({ type: 'jwt' })
    })
  const waiting: ToFrame[] = []
  const hear = (heard: ToFrame) => {
    if (heard.type === 'jwt') {
      const said = proof(heard)
      // a visitor who was away for longer than the page wants them known
      if (heard.visitor && !said.visitor) say({ type: 'visitor', secret: '' })
      answer?.(said)
      answer = undefined
    } else if (heard.type === 'init') {
      if (begun) return
      begun = true
      wear(heard.look)
      const messenger = start(heard.platform, heard.look, say, askHost)
      speak(wishes(heard.look)).then(() => {
        messenger.show()
        started = messenger
        for (const early of waiting.splice(0)) messenger.hear(early)
      })
    } else if (started) started.hear(heard)
    else waiting.push(heard)
  }
  port.onmessage = ({ data }) => {
    const heard = message<ToFrame>(data)
    if (heard) hear(heard)
  }
}

/** The languages to try, best first. */
const wishes = ({ language }: Look) => [...(language ? [String(language)] : []), ...navigator.languages]

/** What the host's page says of its customer, as far as it is of the right kind. */
function proof({ jwt, guest, user, visitor }: Proof): Proof {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return {
    jwt: text(jwt),
    guest: guest === true,
    user: typeof user === 'number' ? String(user) : text(user),
    visitor: read(text(visitor))
  }
}

function start(platform: Platform | undefined, worn: Look, say: (what: ToHost) => void, askHost: () => Promise<Proof>) {
  const wire = PLATFORMS[platform ?? 'web'] ?? PLATFORMS.web
  const look = signal(worn)
  const keep = (secret: string, again = false) => {
    const kept = written(secret, look.value.lasts)
    // as it is kept already, unless it now counts for longer
    if (!again || kept !== secret) say({ type: 'visitor', secret: kept })
  }
  const workspace = { id: meta('msgr:app'), platform: wire }
  const session = new Session((token) => connect('', token), workspace, askHost, keep)
  const client = connect('', session.bearer)
  const app = createApp(makeApi(client, session.call, wire), session)
  const open = signal(false)
  /** A visitor who has asked for nothing yet: there is no session, and need not be one. */
  let asleep = false
  let hiding: ReturnType<typeof setTimeout> | undefined

  const watch = () => {
    app.looking.value = open.value && document.visibilityState === 'visible'
  }
  document.addEventListener('visibilitychange', () => {
    watch()
    clearTimeout(hiding)
    if (document.visibilityState === 'visible') app.watcher.tell({ type: 'shown' })
    else hiding = setTimeout(() => app.watcher.tell({ type: 'hidden' }), HIDDEN)
  })
  addEventListener('pageshow', (event) => {
    if (event.persisted) app.watcher.tell({ type: 'shown' })
  })
  addEventListener('online', () => app.watcher.tell({ type: 'online' }))
  addEventListener('offline', () => app.watcher.tell({ type: 'offline' }))
  const close = () => say({ type: 'close' })
  const back = () => (below(app.where.value) ? app.tell({ type: 'back' }) : close())
  addEventListener('msgr-close', close)
  const trail = new Trail(history, back)
  addEventListener('popstate', ({ state }) => trail.popped(state))
  // where the panel is the whole screen, the browser's Back is taken for the panel's
  effect(() => trail.want(open.value && app.full.value ? app.where.value.stack.length : 0))
  effect(() => say({ type: 'width', width: app.wide.value ? WIDE : NARROW }))

  let first = true
  let looked = false
  const statuses = new Map<string, string>()
  const ready = (guest = false) => {
    if (first) say({ type: 'ready', guest })
    first = false
  }
  const wake = () => {
    asleep = false
    app.watcher.tell({ type: 'start' })
    if (navigator.onLine === false) app.watcher.tell({ type: 'offline' })
  }
  effect(() => {
    const status = session.status.value
    if (status === 'ready') {
      app.watcher.tell({ type: 'start' })
      ready()
    } else if (status === 'refused' || status === 'signed_out') {
      app.watcher.tell({ type: 'stop' })
      say({ type: status })
    }
  })
  effect(() => {
    const home = app.home.value
    if (!home) return
    const { messages = 0, tickets = 0 } = home.badges
    say({ type: 'counts', messages, tickets })
    say({ type: 'who', contact: home.contactId, name: home.name, visitor: home.visitor ? home.contactId : undefined })
    for (const ticket of home.card) {
      const status = stateLabel(ticket.state)
      const before = statuses.get(ticket.id)
      statuses.set(ticket.id, status)
      // the first look tells nothing: it was so before
      if (looked && ticket.unread && before !== status)
        say({ type: 'ticket', ticket: { ticket_id: ticket.id, number: ticket.number, title: ticket.title, status } })
    }
    looked = true
  })
  effect(() => {
    const { messages = 0, tickets = 0 } = app.home.value?.badges ?? {}
    const unread = messages + tickets
    say({
      type: 'labels',
      open: unread ? t('open.unread', { count: unread }) : t('open'),
      close: t('close'),
      news: t('announce'),
      ink: ink.value
    })
  })
  // nothing is kept for a stranger
  const kept = computed(() => session.known.value && [ink.value, t('open'), t('close')].join('\n'))
  effect(() => {
    if (kept.value) say({ type: 'keep', look: kept.value })
  })
  const told = [
    computed(() => ignored(look.value.names)),
    computed(() => `session ${session.status.value}`),
    computed(() => {
      const { offline, lostAt, freshAt } = app.connection.value
      return offline ? 'offline' : lostAt ? 'connection lost' : freshAt && 'connected'
    })
  ]
  for (const text of told)
    effect(() => {
      if (look.value.debug && text.value) console.debug(`Messenger: ${text.value}`)
    })

  return {
    show() {
      const root = document.getElementById('root')
      if (!root) return
      render(
        <Provide value={app}>
          <Shell />
        </Provide>,
        root
      )
      startTicking()
      session.expects().then((somebody) => {
        if (somebody || open.value) return wake()
        asleep = true
        ready(true)
      })
    },
    hear(heard: ToFrame) {
      switch (heard.type) {
        case 'look':
          look.value = heard.look
          wear(heard.look)
          speak(wishes(heard.look))
          break
        case 'open':
          batch(() => {
            open.value = heard.open
            app.full.value = heard.full === true
          })
          watch()
          if (heard.open && asleep) wake()
          if (heard.open) document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
          break
        case 'back':
          back()
          break
        case 'go':
          go(app, heard.place)
          break
        case 'update':
          if (asleep) break
          // the host may have another user token by now
          if (session.status.value !== 'ready') session.retry().catch(() => {})
          else app.loadHome()
          break
        case 'shutdown':
          app.watcher.tell({ type: 'stop' })
          session.revoke()
          break
      }
    }
  }
}

if (window.parent !== window) begin()
