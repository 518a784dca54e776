/** What the workspace is called. */
import { useDesk } from '../context'
import { moment, t } from '../i18n'
import { settings } from '../place'
import { Link } from '../ui/parts'
import { Copy } from './copy'

export function GeneralTab() {
  const workspace = useDesk().team.value?.workspace
  if (!workspace) return null
  return (
    <>
      <section aria-labelledby="workspace">
        <h2 id="workspace">{t('general.workspace')}</h2>
        <p class="muted">{t('general.workspace.help')}</p>
        <dl class="names">
          <div>
            <dt>{t('general.name')}</dt>
            <dd dir="auto">{workspace.name}</dd>
          </div>
          <div>
            <dt>{t('general.app')}</dt>
            <dd>
              <code>{workspace.appId}</code>
              <Copy text={workspace.appId} what={t('general.app')} />
              <span class="muted">{t('general.app.hint')}</span>
            </dd>
          </div>
          <div>
            <dt>{t('general.id')}</dt>
            <dd>
              <code>{workspace.id}</code>
              <Copy text={workspace.id} what={t('general.id')} />
              <span class="muted">{t('general.id.hint')}</span>
            </dd>
          </div>
          {workspace.createTime && (
            <div>
              <dt>{t('general.created')}</dt>
              <dd>
                <time dateTime={workspace.createTime}>{moment(workspace.createTime)}</time>
              </dd>
            </div>
          )}
        </dl>
      </section>
      <section aria-labelledby="look">
        <h2 id="look">{t('general.look')}</h2>
        <p class="muted">
          {t('general.look.help')} <Link to={settings('install')}>{t('tab.install')}</Link>
        </p>
      </section>
    </>
  )
}
