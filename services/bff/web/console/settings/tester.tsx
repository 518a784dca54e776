/** Whether a user token would be let in, and why not. */
import { useComputed, useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { moment, t } from '../i18n'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Wrong } from '../ui/parts'
import { decode, shown } from './jwt'
import { PLATFORMS, type Platform, type Verdict } from './model'

/** Longest token that the server reads, in characters. */
const LONGEST = 8 * 1024

export function Tester() {
  const desk = useDesk()
  const platform = useSignal<Platform>('web')
  const token = useSignal('')
  const verdict = useSignal<Verdict>()
  const problem = useSignal('')
  const busy = useSignal(false)
  const decoded = useComputed(() => decode(token.value))
  const written = token.value.trim()
  async function test() {
    busy.value = true
    problem.value = ''
    verdict.value = undefined
    try {
      verdict.value = await desk.api.testToken(platform.value, written)
    } catch (thrown) {
      const failed = failure(thrown)
      if (failed.kind !== 'ended') problem.value = says(failed, 'settings')
    }
    busy.value = false
  }
  return (
    <section aria-labelledby="tester">
      <h2 id="tester">{t('tester')}</h2>
      <p class="muted">{t('tester.help')}</p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          if (written && !busy.value) test()
        }}
      >
        <label>
          {t('tester.token')}
          <textarea
            rows={4}
            class="code"
            value={token.value}
            maxLength={LONGEST}
            spellcheck={false}
            autocomplete="off"
            placeholder="eyJhbGciOiJIUzI1NiIs…"
            onInput={(event) => {
              token.value = event.currentTarget.value
              verdict.value = undefined
            }}
          />
        </label>
        <div class="inline">
          <label>
            <span class="hidden">{t('platform')}</span>
            <select
              value={platform.value}
              onChange={(event) => {
                platform.value = event.currentTarget.value as Platform
                verdict.value = undefined
              }}
            >
              {PLATFORMS.map((one) => (
                <option key={one} value={one}>
                  {t(`platform.${one}`)}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class="button" disabled={busy.value || !written || !desk.mayConfigure.value}>
            {t('tester.do')}
          </button>
        </div>
      </form>
      <div role="status">{verdict.value && <Told verdict={verdict.value} />}</div>
      <Wrong text={problem.value} />
      {written && !decoded.value && <p class="muted">{t('tester.no_jwt')}</p>}
      {decoded.value && (
        <div class="claims">
          <Facts name={t('tester.header')} facts={decoded.value.header} />
          <Facts name={t('tester.claims')} facts={decoded.value.claims} />
        </div>
      )}
    </section>
  )
}

function Told({ verdict }: { verdict: Verdict }) {
  if (!verdict.accepted)
    return (
      <div class="verdict bad">
        <strong>{t('tester.refused')}</strong>
        <p>{inCode(verdict.problem)}</p>
      </div>
    )
  return (
    <div class="verdict good">
      <strong>{t('tester.accepted')}</strong>
      <p>
        {t('tester.as', { user: verdict.userId, key: verdict.keyId })}
        {verdict.expireTime && ` ${t('tester.until', { time: moment(verdict.expireTime) })}`}
      </p>
    </div>
  )
}

/** The server's sentence, with what stands between backticks as code. */
const inCode = (sentence: string) =>
  sentence.split('`').map((piece, at) => (at % 2 ? <code key={at}>{piece}</code> : piece))

function Facts({ name, facts }: { name: string; facts: [string, unknown][] }) {
  return (
    <div>
      <h3>{name}</h3>
      <dl class="facts">
        {facts.map(([key, value]) => {
          const { text, time } = shown(key, value)
          return (
            <div key={key}>
              <dt>
                <code>{key}</code>
              </dt>
              <dd>
                <code>{text}</code>
                {time && <span class="muted"> {moment(time)}</span>}
              </dd>
            </div>
          )
        })}
      </dl>
    </div>
  )
}
