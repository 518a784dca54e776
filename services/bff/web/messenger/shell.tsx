/** The panel: the screen, its bar of spaces, and what is said aside. */
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { useApp } from './context'
import { type Key, spoken, t } from './i18n'
import { clock } from './i18n/time'
import type { Tab } from './model'
import { ConversationScreen, NewScreen } from './screens/conversation'
import { HomeScreen } from './screens/home'
import { MessagesScreen, TicketsScreen } from './screens/lists'
import { SubmitScreen } from './screens/submit'
import { TicketScreen } from './screens/ticket'
import { returnsTo, type Screen, top } from './state/route'
import { PATIENCE, says } from './state/strip'
import { Icon } from './ui/icon'
import { Badge, Corner, Title } from './ui/parts'

export function Shell() {
  const app = useApp()
  const route = app.where.value
  const shown = top(route)
  const main = useRef<HTMLElement>(null)
  const signedOut = app.session.status.value === 'signed_out' || app.session.status.value === 'refused'
  // the words on the page are of this language
  useLayoutEffect(() => {
    document.documentElement.lang = spoken.value.locale
    document.documentElement.dir = spoken.value.dir
  }, [spoken.value])
  useLayoutEffect(() => {
    if (route.by !== 'start') focus(main.current, route.by === 'back' ? returnsTo(route) : '')
  }, [route])
  useEffect(() => {
    // wherever the focus is: a click beside everything leaves it to the document
    const press = (event: KeyboardEvent) => {
      if (event.altKey && event.key === 'ArrowLeft') {
        event.preventDefault()
        app.tell({ type: 'back' })
      }
      if (event.key === 'Escape' && !event.defaultPrevented) dispatchEvent(new Event('msgr-close'))
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [app])
  return (
    <main ref={main}>
      {signedOut ? (
        <SignedOut />
      ) : (
        <>
          <Connection />
          <Shown screen={shown} />
          {route.stack.length === 1 && <Tabs />}
        </>
      )}
      <p class="hidden" role="status">
        {app.spoken.value}
      </p>
    </main>
  )
}

function Shown({ screen }: { screen: Screen }) {
  switch (screen.name) {
    case 'home':
      return <HomeScreen />
    case 'messages':
      return <MessagesScreen />
    case 'tickets':
      return <TicketsScreen />
    case 'ticket':
      return <TicketScreen key={screen.id} id={screen.id} />
    case 'conversation':
      return <ConversationScreen key={screen.id} id={screen.id} />
    case 'new':
      return <NewScreen />
    case 'submit':
      return <SubmitScreen />
  }
}

/** The row that one comes back to, else the name of the screen. */
export function focus(main: HTMLElement | null, row: string) {
  const target =
    (row && main?.querySelector<HTMLElement>(`[data-row="${CSS.escape(row)}"]`)) ||
    main?.querySelector<HTMLElement>('h1')
  target?.focus({ preventScroll: !row })
}

const UNREAD = { messages: 'tab.messages', tickets: 'tab.tickets' } as const

function Tabs() {
  const app = useApp()
  const tabs = app.tabs.value
  const current = app.where.value.stack[0].name
  const badges = app.home.value?.badges
  if (tabs.length < 2) return null
  return (
    <nav class="tabs" aria-label={t('spaces')}>
      {tabs.map((tab: Tab) => {
        const count = tab === 'home' ? 0 : (badges?.[tab] ?? 0)
        const unread = count && tab !== 'home' ? t(UNREAD[tab], { count }) : ''
        return (
          <button
            key={tab}
            type="button"
            {...(tab === current && { 'aria-current': 'page' as const })}
            onClick={() => app.tell({ type: 'tab', tab })}
          >
            {/* word and number are for the eye when a sentence, which begins with the word, says both */}
            <span {...(unread && { 'aria-hidden': true })}>{t(tab as Key)}</span>
            <span class="tab-icon">
              <Icon name={tab} size={22} />
              {unread && <Badge count={count} />}
              {unread && <span class="hidden">{unread}</span>}
            </span>
          </button>
        )
      })}
    </nav>
  )
}

/** Nothing while all is well. */
function Connection() {
  const app = useApp()
  const strip = app.connection.value
  const at = useSignal(Date.now())
  useEffect(() => {
    at.value = Date.now()
    const next = strip.lostAt !== undefined ? strip.lostAt + PATIENCE : strip.backUntil
    const wait = next - Date.now()
    if (wait < 0) return
    const timer = setTimeout(() => {
      at.value = Date.now()
    }, wait + 20)
    return () => clearTimeout(timer)
  }, [strip, at])
  const what = says(strip, at.value)
  useEffect(() => {
    // good news only takes back what was told
    if (what === 'reconnecting') app.told()
  }, [app, what])
  return (
    <div class={`strip ${what}`} role="status">
      {what === 'offline' && (strip.freshAt ? t('offline', { time: clock(strip.freshAt) }) : t('offline.never'))}
      {what === 'reconnecting' && t('reconnecting')}
      {what === 'online' && t('online')}
    </div>
  )
}

function SignedOut() {
  return (
    <div class="screen">
      <header class="bar">
        <div class="bar-title" />
        <Corner />
      </header>
      <div class="empty">
        <Icon name="person" size={32} />
        <Title>{t('signed_out')}</Title>
        <p>{t('signed_out.hint')}</p>
      </div>
    </div>
  )
}
