/** How the Messenger comes onto a page. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { t } from '../i18n'
import { settings } from '../place'
import { Link } from '../ui/parts'
import { Copy } from './copy'
import { LANGUAGES, type Language, module, policy, signing, snippet } from './samples'

export function InstallTab() {
  const desk = useDesk()
  const language = useSignal<Language>('node')
  const app = desk.team.value?.workspace.appId ?? ''
  const base = location.origin
  return (
    <>
      <section aria-labelledby="where">
        <h2 id="where">{t('origins')}</h2>
        <p class="muted">
          {t('install.origins.help')} <Link to={settings('security')}>{t('tab.security')}</Link>
        </p>
      </section>
      <section aria-labelledby="snippet">
        <h2 id="snippet">{t('install.snippet')}</h2>
        <p class="muted">{t('install.snippet.help')}</p>
        <Code text={snippet(app, base)} what={t('install.snippet')} />
      </section>
      <section aria-labelledby="npm">
        <h2 id="npm">{t('install.npm')}</h2>
        <p class="muted">{t('install.npm.help')}</p>
        <Code text={module(app, base)} what={t('install.npm')} />
      </section>
      <section aria-labelledby="signing">
        <h2 id="signing">{t('install.signing')}</h2>
        <p class="muted">
          {t('install.signing.help')} <Link to={settings('security')}>{t('tab.security')}</Link>
        </p>
        <fieldset class="pick">
          <legend class="hidden">{t('install.language')}</legend>
          {LANGUAGES.map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="language"
                value={one}
                checked={language.value === one}
                onChange={() => (language.value = one)}
              />
              <span>{t(`language.${one}`)}</span>
            </label>
          ))}
        </fieldset>
        <Code text={signing(app)[language.value]} what={t('install.signing')} />
      </section>
      <section aria-labelledby="policy">
        <h2 id="policy">{t('install.policy')}</h2>
        <p class="muted">{t('install.policy.help')}</p>
        <Code text={policy(base)} what={t('install.policy')} />
      </section>
    </>
  )
}

function Code({ text, what }: { text: string; what: string }) {
  return (
    <div class="sample">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keyboard too */}
      <section class="code-frame" tabIndex={0} aria-label={t('install.code', { what })}>
        <pre>
          <code>{text}</code>
        </pre>
      </section>
      <Copy text={text} what={what} />
    </div>
  )
}
