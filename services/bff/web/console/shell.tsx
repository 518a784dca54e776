/** The console around its pages. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useDesk } from './context'
import { clock, t } from './i18n'
import { Filters } from './inbox/filters'
import { InboxPage } from './inbox/page'
import { inbox, settings } from './place'
import { SettingsPage } from './settings/page'
import { Icon } from './ui/icon'
import { listen } from './ui/keys'
import { KeysDialog } from './ui/keys-dialog'
import { Dialog, Link, Problem, Skeleton, Title } from './ui/parts'

export function Shell() {
  const desk = useDesk()
  const place = desk.place.value
  const help = useSignal(false)
  useEffect(
    () =>
      listen(() => {
        help.value = true
      }),
    [help]
  )
  return (
    <div class="console">
      <a class="skip" href="#main">
        {t('skip')}
      </a>
      <Top help={() => (help.value = true)} />
      <Connection />
      <div class="side">
        <nav class="nav" aria-label={t('console')}>
          <NavLink to={inbox({})} on={place.page === 'inbox'} icon="inbox" text={t('inbox')} />
          <NavLink to={settings('content')} on={place.page === 'settings'} icon="settings" text={t('settings')} />
        </nav>
        {place.page === 'inbox' && <Filters filter={place.filter} />}
      </div>
      <main id="main" tabIndex={-1}>
        <Shown />
      </main>
      <Told />
      {desk.ended.value && <Ended />}
      {help.value && <KeysDialog close={() => (help.value = false)} />}
    </div>
  )
}

function Shown() {
  const desk = useDesk()
  const place = desk.place.value
  if (!desk.team.value) {
    const why = desk.teamFailure.value
    if (!why) return <Skeleton rows={4} kind="block" />
    return (
      <div class="alone">
        <Title class="hidden">{t('console')}</Title>
        <Problem text={t('team.failed')} why={why} again={desk.loadTeam} />
      </div>
    )
  }
  switch (place.page) {
    case 'inbox':
      return <InboxPage place={place} />
    case 'settings':
      return <SettingsPage tab={place.tab} />
    case 'missing':
      return (
        <div class="alone empty">
          <Title>{t('missing')}</Title>
          <p>{t('missing.hint')}</p>
          <Link to={inbox({})} class="button">
            {t('missing.back')}
          </Link>
        </div>
      )
  }
}

function NavLink({ to, on, icon, text }: { to: string; on: boolean; icon: 'inbox' | 'settings'; text: string }) {
  return (
    <Link to={to} class="nav-link" {...(on && { 'aria-current': 'page' })}>
      <Icon name={icon} />
      {text}
    </Link>
  )
}

function Top({ help }: { help: () => void }) {
  const desk = useDesk()
  const leaving = useSignal(false)
  const team = desk.team.value
  return (
    <header class="top">
      <p class="brand" dir="auto">
        {team?.workspace.name}
        <span class="muted"> {t('console')}</span>
      </p>
      {team && (
        <p class="me">
          <span dir="auto">{team.me.name}</span> <span class="muted">{t(`role.${team.me.role}`)}</span>
        </p>
      )}
      <button type="button" class="round keys-button" aria-label={t('keys')} title={t('keys')} onClick={help}>
        <Icon name="keys" />
      </button>
      <button
        type="button"
        class="button"
        disabled={leaving.value}
        onClick={async () => {
          leaving.value = true
          if (!(await desk.logOut())) {
            leaving.value = false
            desk.tell(t('logout.failed'), true)
          }
        }}
      >
        {t('logout')}
      </button>
    </header>
  )
}

/** Nothing while all is well. */
function Connection() {
  const desk = useDesk()
  const offline = !desk.online.value
  const at = desk.freshAt.value
  const what = offline ? 'offline' : desk.lost.value ? 'reconnecting' : ''
  return (
    <div class={`strip ${what}`} role="status">
      {what === 'offline' && (at ? t('offline', { time: clock(at) }) : t('offline.never'))}
      {what === 'reconnecting' && t('reconnecting')}
    </div>
  )
}

/** How things went: said to those who listen, shown to those who look. */
function Told() {
  const desk = useDesk()
  const toast = desk.toast.value
  return (
    <div class="told">
      <div role="status">{toast && !toast.bad && <p class="toast">{toast.text}</p>}</div>
      <div role="alert">
        {toast?.bad && (
          <p class="toast bad">
            {toast.text}
            <button type="button" class="round" aria-label={t('close')} onClick={desk.hush}>
              <Icon name="close" size={16} />
            </button>
          </p>
        )}
      </div>
    </div>
  )
}

function Ended() {
  const desk = useDesk()
  const later = useSignal(false)
  if (later.value)
    return (
      <div class="strip offline ended" role="status">
        {t('ended')}{' '}
        <button type="button" class="plain" onClick={desk.logIn}>
          {t('ended.login')}
        </button>
      </div>
    )
  return (
    <Dialog title={t('ended')} close={() => (later.value = true)}>
      <p>{t('ended.hint')}</p>
      <div class="buttons">
        <button type="button" class="button" onClick={() => (later.value = true)}>
          {t('not_now')}
        </button>
        <button type="button" class="button main" onClick={desk.logIn}>
          {t('ended.login')}
        </button>
      </div>
    </Dialog>
  )
}
