/** Who changed which settings. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { type Key, moment, t } from '../i18n'
import type { Person } from '../model'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Problem, Skeleton, Wrong } from '../ui/parts'
import { useLoaded } from './load'
import { type Change, PLATFORMS, SPACES } from './model'

const ACTIONS = [
  'action.space.updated',
  'action.identity_key.created',
  'action.identity_key.revoked',
  'action.identity_mode.set',
  'action.allowed_origins.set',
  'action.api_token.created',
  'action.api_token.revoked',
  'action.teammate.created',
  'action.teammate.renamed',
  'action.teammate.role_changed',
  'action.teammate.activity_changed',
  'action.workspace.created',
  'action.contact.merged',
  'action.contact.erased',
  'action.console.login',
  'action.console.logout',
  'action.console_identity.unbound'
] as const

export function ChangesTab() {
  const desk = useDesk()
  const { value, why, load } = useLoaded(() => desk.api.changes())
  const busy = useSignal(false)
  const problem = useSignal('')
  async function more() {
    const held = value.value
    if (!held?.next || busy.value) return
    busy.value = true
    problem.value = ''
    try {
      const page = await desk.api.changes(held.next)
      value.value = { rows: [...held.rows, ...page.rows], next: page.next }
    } catch (thrown) {
      problem.value = says(failure(thrown), 'look')
    }
    busy.value = false
  }
  if (!value.value) {
    if (why.value) return <Problem text={t('settings.failed')} why={why.value} again={load} />
    return <Skeleton rows={6} />
  }
  const { rows, next } = value.value
  if (!rows.length) return <p class="empty">{t('changes.none')}</p>
  return (
    <section aria-label={t('tab.changes')}>
      <p class="muted">{t('changes.help')}</p>
      <ol class="lines">
        {rows.map((one) => (
          <Line key={one.id} change={one} />
        ))}
      </ol>
      <Wrong text={problem.value} />
      {next && (
        <div class="more">
          <button type="button" class="button" disabled={busy.value} onClick={more}>
            {t(busy.value ? 'loading' : 'more')}
          </button>
        </div>
      )}
    </section>
  )
}

/** Nothing for what a later server may do. */
const named = (action: string) => ACTIONS.find((one) => one === `action.${action}`)

function Line({ change }: { change: Change }) {
  const desk = useDesk()
  const people = desk.team.value?.people ?? []
  const who = people.find((one) => one.id === change.actorId)?.name
  const action = named(change.action)
  return (
    <li class="change">
      <p>
        <strong>{action ? t(action) : change.action}</strong>
      </p>
      <p class="muted">
        {who ?? (change.actorId || t('the_system'))} · <time dateTime={change.time}>{moment(change.time)}</time>
      </p>
      <p class="values">
        <Subject change={change} /> {change.before && <del>{value(change.before, people)}</del>}{' '}
        {change.after && <ins>{value(change.after, people)}</ins>}
      </p>
    </li>
  )
}

/** What was changed, by the name that it has on its own page; an id where it has none. */
function Subject({ change: { action, subject } }: { change: Change }) {
  const person = useDesk().team.value?.people.find((one) => one.id === subject)?.name
  const [on, of] = subject.toLowerCase().split('/')
  const platform = PLATFORMS.find((one) => one === on)
  const space = SPACES.find((one) => one === of)
  if (platform && space)
    return <>{t('space.switch', { space: t(`space.${space}`), platform: t(`platform.${platform}`) })}</>
  if (platform) return <>{t(`platform.${platform}`)}</>
  if (person && action === 'teammate.created') return null
  if (person) return <span dir="auto">{person}</span>
  // the list is the workspace's, there is no other; and a new teammate's name is what was added
  if (action === 'allowed_origins.set') return null
  return <code>{subject}</code>
}

const VALUES: Partial<Record<string, Key>> = {
  on: 'value.on',
  off: 'value.off',
  enforced: 'mode.enforced',
  optional: 'mode.optional',
  admin: 'role.admin',
  agent: 'role.agent',
  viewer: 'role.viewer'
}

/** A value's words, a comma between several; people by their names. */
function value(said: string, people: Person[]): string {
  const word = (one: string) => {
    const known = VALUES[one.toLowerCase()]
    return known ? t(known) : one
  }
  const named = said.replace(/tea_\w+/g, (id) => people.find((one) => one.id === id)?.name ?? id)
  return named.split(', ').map(word).join(', ')
}
