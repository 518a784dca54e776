/** Who may be a customer, and which pages may show the Messenger. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { t } from '../i18n'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Problem, Skeleton, Switch, Wrong } from '../ui/parts'
import { Confirm } from './confirm'
import { Keys } from './keys'
import { useLoaded } from './load'
import { PLATFORMS, type Platform, type Security } from './model'
import { Origins } from './origins'
import { Tester } from './tester'

export function SecurityTab() {
  const desk = useDesk()
  const loaded = useLoaded(desk.api.security)
  const { value, why, load } = loaded
  if (!value.value) {
    if (why.value) return <Problem text={t('settings.failed')} why={why.value} again={load} />
    return <Skeleton rows={3} kind="block" />
  }
  const { security, keys } = value.value
  const put = (next: Security) => {
    if (value.value) value.value = { ...value.value, security: next }
  }
  return (
    <>
      <Modes security={security} put={put} reload={load} />
      <Keys keys={keys} reload={load} />
      <Origins security={security} put={put} reload={load} />
      <Tester />
    </>
  )
}

interface Props {
  security: Security
  put: (next: Security) => void
  reload: () => Promise<void>
}

function Modes({ security, put, reload }: Props) {
  const desk = useDesk()
  const problem = useSignal('')
  const busy = useSignal(false)
  const asked = useSignal<Platform>()
  async function set(platform: Platform, enforced: boolean) {
    busy.value = true
    problem.value = ''
    try {
      put(await desk.api.setIdentity(platform, enforced, security.version))
      desk.tell(t(enforced ? 'mode.on' : 'mode.off', { platform: t(`platform.${platform}`) }))
    } catch (thrown) {
      const failed = failure(thrown)
      if (failed.kind === 'stale') await reload()
      if (failed.kind !== 'ended') problem.value = says(failed, 'settings')
    }
    busy.value = false
  }
  return (
    <section aria-labelledby="modes">
      <h2 id="modes">{t('modes')}</h2>
      <p class="muted" id="modes-help">
        {t('modes.help')}
      </p>
      <ul class="lines">
        {PLATFORMS.map((platform) => (
          <li key={platform} class="line">
            <span>
              <strong>{t(`platform.${platform}`)}</strong>
              <span class="muted">{t(security.enforced[platform] ? 'mode.enforced' : 'mode.optional')}</span>
            </span>
            <Switch
              on={security.enforced[platform]}
              label={t('mode.switch', { platform: t(`platform.${platform}`) })}
              hint="modes-help"
              disabled={busy.value || !desk.mayConfigure.value}
              turn={(on) => {
                if (on) set(platform, true)
                else asked.value = platform
              }}
            />
          </li>
        ))}
      </ul>
      <Wrong text={problem.value} />
      {asked.value && (
        <Confirm
          title={t('mode.ask', { platform: t(`platform.${asked.value}`) })}
          text={t('mode.ask.hint')}
          action={t('mode.ask.do')}
          close={() => {
            asked.value = undefined
          }}
          run={async () => {
            const platform = asked.value
            asked.value = undefined
            if (platform) await set(platform, false)
          }}
        />
      )}
    </section>
  )
}
