/** Who changed which settings. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { moment, t } from '../i18n'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Problem, Skeleton, Wrong } from '../ui/parts'
import { useLoaded } from './load'
import type { Change } from './model'

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
      <div class="table">
        <table>
          <thead>
            <tr>
              <th scope="col">{t('changes.when')}</th>
              <th scope="col">{t('changes.who')}</th>
              <th scope="col">{t('changes.what')}</th>
              <th scope="col">{t('changes.values')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <Line key={one.id} change={one} />
            ))}
          </tbody>
        </table>
      </div>
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

function Line({ change }: { change: Change }) {
  const desk = useDesk()
  const who = desk.team.value?.people.find((one) => one.id === change.actorId)?.name
  return (
    <tr>
      <td>
        <time dateTime={change.time}>{moment(change.time)}</time>
      </td>
      <td>{who ?? (change.actorId || t('the_system'))}</td>
      <td>
        <code>{change.action}</code>
        <span class="muted subject">{change.subject}</span>
      </td>
      <td class="values">
        {change.before && <del>{change.before}</del>} {change.after && <ins>{change.after}</ins>}
      </td>
    </tr>
  )
}
