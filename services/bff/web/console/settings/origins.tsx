/** Which pages may show the Messenger. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { t } from '../i18n'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Icon } from '../ui/icon'
import { Wrong } from '../ui/parts'
import type { Security } from './model'
import { MOST, wrong } from './origin'

interface Props {
  security: Security
  put: (next: Security) => void
  reload: () => Promise<void>
}

export function Origins({ security, put, reload }: Props) {
  const desk = useDesk()
  const may = desk.mayConfigure.value
  const text = useSignal('')
  const problem = useSignal('')
  const busy = useSignal(false)
  async function set(origins: string[], done: string) {
    busy.value = true
    problem.value = ''
    let got = false
    try {
      put(await desk.api.setOrigins(origins, security.version))
      desk.tell(done)
      got = true
    } catch (thrown) {
      const failed = failure(thrown)
      if (failed.kind === 'stale') await reload()
      if (failed.kind !== 'ended') problem.value = says(failed, 'settings')
    }
    busy.value = false
    return got
  }
  async function add() {
    const origin = text.value.trim().toLowerCase().replace(/\/$/, '')
    const what = wrong(origin)
    if (what) problem.value = t(`origin.${what}`)
    else if (security.origins.includes(origin)) problem.value = t('origin.there')
    else if (security.origins.length >= MOST) problem.value = t('origin.most', { count: MOST })
    else if (await set([...security.origins, origin], t('origin.added', { origin }))) text.value = ''
    document.getElementById('origin')?.focus()
  }
  return (
    <section aria-labelledby="origins">
      <h2 id="origins">{t('origins')}</h2>
      <p class="muted" id="origins-help">
        {t('origins.help')}
      </p>
      {security.origins.length === 0 ? (
        <p>{t('origins.none')}</p>
      ) : (
        <ul class="lines">
          {security.origins.map((origin) => (
            <li key={origin} class="line">
              <code>{origin}</code>
              {may && (
                <button
                  type="button"
                  class="round"
                  aria-label={t('origin.remove', { origin })}
                  disabled={busy.value}
                  onClick={() =>
                    set(
                      security.origins.filter((one) => one !== origin),
                      t('origin.removed', { origin })
                    )
                  }
                >
                  <Icon name="close" size={16} />
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {may && (
        <form
          class="inline"
          noValidate
          onSubmit={(event) => {
            event.preventDefault()
            if (!busy.value) add()
          }}
        >
          <label class="grow">
            <span class="hidden">{t('origin')}</span>
            <input
              id="origin"
              type="url"
              value={text.value}
              placeholder="https://www.example.com"
              aria-describedby="origins-help origin-wrong"
              aria-invalid={!!problem.value}
              spellcheck={false}
              onInput={(event) => {
                text.value = event.currentTarget.value
                problem.value = ''
              }}
            />
          </label>
          <button type="submit" class="button" disabled={busy.value}>
            {t('origin.add')}
          </button>
        </form>
      )}
      <div id="origin-wrong">
        <Wrong text={problem.value} />
      </div>
    </section>
  )
}
