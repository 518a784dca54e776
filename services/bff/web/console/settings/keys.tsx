/** Keys that sign user tokens. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { moment, t } from '../i18n'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Ago, Dialog, Wrong } from '../ui/parts'
import { Confirm } from './confirm'
import { Copy } from './copy'
import { type Key, PLATFORMS, type Platform } from './model'

export function Keys({ keys, reload }: { keys: Key[]; reload: () => Promise<void> }) {
  const desk = useDesk()
  const may = desk.mayConfigure.value
  const platform = useSignal<Platform>('web')
  const made = useSignal<{ key: Key; secret: string }>()
  const asked = useSignal<Key>()
  const busy = useSignal(false)
  const problem = useSignal('')
  async function act(run: () => Promise<unknown>) {
    busy.value = true
    problem.value = ''
    try {
      await run()
    } catch (thrown) {
      const failed = failure(thrown)
      if (failed.kind !== 'ended') problem.value = says(failed, 'settings')
    }
    await reload()
    busy.value = false
  }
  const shown = [...keys].sort((a, b) => Number(!!a.revokeTime) - Number(!!b.revokeTime))
  return (
    <section aria-labelledby="keys">
      <h2 id="keys">{t('identity_keys')}</h2>
      <p class="muted">{t('identity_keys.help')}</p>
      {keys.length === 0 ? (
        <p>{t('identity_keys.none')}</p>
      ) : (
        <ul class="lines">
          {shown.map((key) => (
            <li key={key.id} class={key.revokeTime ? 'line revoked' : 'line'}>
              <span>
                <code>{key.id}</code>
                <span class="muted">
                  {t(`platform.${key.platform}`)} · {t('key.created', { time: moment(key.createTime) })} ·{' '}
                  {key.revokeTime ? (
                    t('key.revoked', { time: moment(key.revokeTime) })
                  ) : key.lastUsedTime ? (
                    <>
                      {t('key.used')} <Ago time={key.lastUsedTime} />
                    </>
                  ) : (
                    t('key.unused')
                  )}
                </span>
              </span>
              {may && !key.revokeTime && (
                <button
                  type="button"
                  class="button small"
                  disabled={busy.value}
                  aria-label={t('key.revoke_one', { id: key.id })}
                  onClick={() => (asked.value = key)}
                >
                  {t('key.revoke')}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {may && (
        <form
          class="inline"
          onSubmit={(event) => {
            event.preventDefault()
            act(async () => {
              made.value = await desk.api.createKey(platform.value)
            })
          }}
        >
          <label>
            <span class="hidden">{t('platform')}</span>
            <select
              value={platform.value}
              onChange={(event) => (platform.value = event.currentTarget.value as Platform)}
            >
              {PLATFORMS.map((one) => (
                <option key={one} value={one}>
                  {t(`platform.${one}`)}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class="button" disabled={busy.value}>
            {t('key.create')}
          </button>
        </form>
      )}
      <Wrong text={problem.value} />
      {asked.value && (
        <Confirm
          title={t('key.ask')}
          text={t('key.ask.hint', { platform: t(`platform.${asked.value.platform}`) })}
          action={t('key.ask.do')}
          close={() => (asked.value = undefined)}
          run={() => {
            const key = asked.value
            asked.value = undefined
            if (!key) return
            return act(async () => {
              const count = await desk.api.revokeKey(key.id)
              desk.tell(t('key.gone', { count }))
            })
          }}
        />
      )}
      {made.value && <Secret made={made.value} close={() => (made.value = undefined)} />}
    </section>
  )
}

/** The one time that the secret is told. */
function Secret({ made: { key, secret }, close }: { made: { key: Key; secret: string }; close: () => void }) {
  return (
    <Dialog title={t('secret')} close={close}>
      <p>{t('secret.hint')}</p>
      <dl class="facts">
        <dt>{t('secret.kid')}</dt>
        <dd>
          <code>{key.id}</code>
          <Copy text={key.id} what={t('secret.kid')} />
        </dd>
        <dt>{t('secret')}</dt>
        <dd>
          <code>{secret}</code>
          <Copy text={secret} what={t('secret')} />
        </dd>
      </dl>
      <div class="buttons">
        <button type="button" class="button main" onClick={close}>
          {t('secret.done')}
        </button>
      </div>
    </Dialog>
  )
}
