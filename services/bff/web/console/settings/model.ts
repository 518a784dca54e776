/** Settings as the console works with them; the wire ends here. */
import type * as bff from '../../gen/messenger/bff/v1/console_pb'
import type * as wire from '../../gen/messenger/settings/v1/types_pb'

export const PLATFORMS = ['web', 'ios', 'android'] as const
export type Platform = (typeof PLATFORMS)[number]
export const SPACES = ['home', 'messages', 'tickets'] as const
export type Space = (typeof SPACES)[number]

const PLATFORM: Record<Platform, wire.PlatformJson> = {
  web: 'PLATFORM_WEB',
  ios: 'PLATFORM_IOS',
  android: 'PLATFORM_ANDROID'
}
const SPACE: Record<Space, wire.SpaceJson> = {
  home: 'SPACE_HOME',
  messages: 'SPACE_MESSAGES',
  tickets: 'SPACE_TICKETS'
}

export const platformJson = (platform: Platform) => PLATFORM[platform]
export const spaceJson = (space: Space) => SPACE[space]
const platform = (json: wire.PlatformJson | undefined) => PLATFORMS.find((one) => PLATFORM[one] === json)

/** Whether the Tickets space is on; the others always are. */
export interface Spaces {
  tickets: Record<Platform, boolean>
  version: string
}

export interface Change {
  id: string
  action: string
  actorId: string
  subject: string
  before: string
  after: string
  time: string
}

export interface Security {
  /** Platforms that ask for a signed user token. */
  enforced: Record<Platform, boolean>
  origins: string[]
  version: string
}

export interface Key {
  id: string
  platform: Platform
  createTime: string
  revokeTime: string
  lastUsedTime: string
}

export interface Verdict {
  accepted: boolean
  problem: string
  keyId: string
  userId: string
  expireTime: string
}

export const spaces = (json: wire.MessengerSettingsJson | undefined): Spaces => {
  const on = (one: Platform) =>
    (json?.spaces ?? []).some(
      (setting) => setting.platform === PLATFORM[one] && setting.space === SPACE.tickets && setting.enabled
    )
  return { tickets: { web: on('web'), ios: on('ios'), android: on('android') }, version: json?.version ?? '0' }
}

export const change = (json: wire.AuditEntryJson): Change => ({
  id: json.entryId ?? '',
  action: json.action ?? '',
  actorId: json.actorId ?? '',
  subject: json.subject ?? '',
  before: json.before ?? '',
  after: json.after ?? '',
  time: json.time ?? ''
})

export const security = (json: wire.MessengerSecurityJson | undefined): Security => {
  const enforced = (one: Platform) =>
    (json?.platforms ?? []).find((mode) => mode.platform === PLATFORM[one])?.mode !== 'IDENTITY_MODE_OPTIONAL'
  return {
    enforced: { web: enforced('web'), ios: enforced('ios'), android: enforced('android') },
    origins: json?.allowedOrigins ?? [],
    version: json?.version ?? '0'
  }
}

export const key = (json: wire.IdentityKeyJson | undefined): Key => ({
  id: json?.keyId ?? '',
  platform: platform(json?.platform) ?? 'web',
  createTime: json?.createTime ?? '',
  revokeTime: json?.revokeTime ?? '',
  lastUsedTime: json?.lastUsedTime ?? ''
})

export const verdict = (json: bff.TestUserTokenResponseJson): Verdict => ({
  accepted: json.accepted ?? false,
  problem: json.problem ?? '',
  keyId: json.keyId ?? '',
  userId: json.userId ?? '',
  expireTime: json.expireTime ?? ''
})
