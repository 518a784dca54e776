/** Which spaces the Messenger has, on which platform. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { useDesk } from '../context'
import { t } from '../i18n'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Ago, Problem, Skeleton, Switch, Wrong } from '../ui/parts'
import { useLoaded } from './load'
import { PLATFORMS, type Platform, SPACES, type Spaces } from './model'
import { Preview } from './preview'

export function ContentTab() {
  const desk = useDesk()
  const { value, why, load } = useLoaded(desk.api.spaces)
  const problem = useSignal('')
  /** One after another: each change names the version that the one before it made. */
  const queue = useRef(Promise.resolve())

  const show = (spaces: Spaces) => {
    if (value.value) value.value = { ...value.value, spaces }
  }
  /** All platforms have one version: that another one was turned meanwhile is no reason not to turn this one. */
  async function set(platform: Platform, on: boolean, version: string) {
    try {
      return await desk.api.setSpace(platform, on, version)
    } catch (thrown) {
      if (failure(thrown).kind !== 'stale') throw thrown
      const { spaces } = await desk.api.spaces()
      return desk.api.setSpace(platform, on, spaces.version)
    }
  }
  async function turn(platform: Platform, on: boolean) {
    const held = value.value?.spaces
    if (!held) return
    problem.value = ''
    show({ ...held, tickets: { ...held.tickets, [platform]: on } })
    queue.current = queue.current.then(async () => {
      const version = value.value?.spaces.version ?? held.version
      try {
        const told = await set(platform, on, version)
        show(told)
        desk.tell(t(on ? 'space.on' : 'space.off', { platform: t(`platform.${platform}`) }))
      } catch (thrown) {
        const failed = failure(thrown)
        const now = value.value?.spaces ?? held
        show({ ...now, tickets: { ...now.tickets, [platform]: !on } })
        if (failed.kind !== 'ended') problem.value = says(failed, 'settings')
        if (failed.kind !== 'stale') return
      }
      await load()
    })
  }

  if (!value.value) {
    if (why.value) return <Problem text={t('settings.failed')} why={why.value} again={load} />
    return <Skeleton rows={3} />
  }
  const { spaces, lastChange } = value.value
  const who = desk.team.value?.people.find((one) => one.id === lastChange?.actorId)?.name
  return (
    <div class="beside">
      <section aria-labelledby="spaces">
        <h2 id="spaces">{t('spaces')}</h2>
        <p class="muted" id="spaces-help">
          {t('spaces.help')}
        </p>
        <div class="table">
          <table>
            <thead>
              <tr>
                <th scope="col">{t('space')}</th>
                {PLATFORMS.map((platform) => (
                  <th key={platform} scope="col">
                    {t(`platform.${platform}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {SPACES.map((space) => (
                <tr key={space}>
                  <th scope="row">
                    {t(`space.${space}`)}
                    <span class="muted" id={`space-${space}`}>
                      {t(`space.${space}.hint`)}
                    </span>
                  </th>
                  {PLATFORMS.map((platform) => {
                    const label = t('space.switch', { space: t(`space.${space}`), platform: t(`platform.${platform}`) })
                    return (
                      <td key={platform}>
                        <Switch
                          on={space !== 'tickets' || spaces.tickets[platform]}
                          label={label}
                          hint={`space-${space}`}
                          disabled={space !== 'tickets' || !desk.mayConfigure.value}
                          turn={(on) => turn(platform, on)}
                        />
                      </td>
                    )
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <Wrong text={problem.value} />
        <p class="muted">
          {lastChange ? (
            <>
              {t('changed_by', { name: who ?? t('the_system') })} <Ago time={lastChange.time} />
            </>
          ) : (
            t('never_changed')
          )}
        </p>
      </section>
      <Preview spaces={spaces} />
    </div>
  )
}
