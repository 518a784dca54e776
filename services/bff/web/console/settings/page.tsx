/** Settings > Channels > Messenger. */
import { useLayoutEffect } from 'preact/hooks'
import { useDesk } from '../context'
import { type Key, t } from '../i18n'
import { settings, TABS, type Tab } from '../place'
import { Link, Title } from '../ui/parts'
import { ChangesTab } from './changes'
import { ContentTab } from './content'
import { GeneralTab } from './general'
import { InstallTab } from './install'
import { SecurityTab } from './security'

const NAMES: Record<Tab, Key> = {
  general: 'tab.general',
  content: 'tab.content',
  security: 'tab.security',
  install: 'tab.install',
  changes: 'tab.changes'
}

export function SettingsPage({ tab }: { tab: Tab }) {
  const desk = useDesk()
  // on a phone not all tabs have room
  useLayoutEffect(() => {
    document.querySelector('.tab[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [tab])
  return (
    <div class="settings">
      <nav aria-label={t('breadcrumb')}>
        <ol class="crumbs">
          <li>{t('settings')}</li>
          <li>{t('channels')}</li>
          <li>{t('messenger')}</li>
          <li aria-current="page">{t(NAMES[tab])}</li>
        </ol>
      </nav>
      <Title key={tab}>{t(NAMES[tab])}</Title>
      <nav class="tabs" aria-label={t('messenger')}>
        {TABS.map((one) => (
          <Link key={one} to={settings(one)} class="tab" {...(one === tab && { 'aria-current': 'page' })}>
            {t(NAMES[one])}
          </Link>
        ))}
      </nav>
      {!desk.mayConfigure.value && (tab === 'content' || tab === 'security') && (
        <p class="notice">{t('forbidden.settings')}</p>
      )}
      {tab === 'general' && <GeneralTab />}
      {tab === 'content' && <ContentTab />}
      {tab === 'security' && <SecurityTab />}
      {tab === 'install' && <InstallTab />}
      {tab === 'changes' && <ChangesTab />}
    </div>
  )
}
