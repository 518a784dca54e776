import type { Platform, Theme } from '../messenger/protocol'

/** What the host's page says of itself and its customer; names as people know them from elsewhere. */
export interface Settings {
  app_id: string
  /** The BFF's origin; without it the one that the loader came from. */
  api_base?: string
  /** Who the customer is, signed by the host's server. */
  user_jwt?: string
  intercom_user_jwt?: string
  /** Asked whenever a session begins; goes before `user_jwt`. */
  getUserJwt?: () => string | undefined | null | Promise<string | undefined | null>
  user_id?: string | number
  user_hash?: string
  language_override?: string
  custom_launcher_selector?: string
  alignment?: 'left' | 'right'
  horizontal_padding?: number
  vertical_padding?: number
  z_index?: number
  hide_default_launcher?: boolean
  hide_notifications?: boolean
  action_color?: string
  background_color?: string
  link_color?: string
  theme_mode?: Theme
  /** A visitor who stays away for longer, in milliseconds, is somebody new. */
  session_duration?: number
  /** What is called, what is ignored and how the connection does is told on the console. */
  debug?: boolean
  /** Where the Messenger runs; `ios` and `android` for an app's web view. */
  platform?: Platform
  intercom_compat?: boolean
  [attribute: string]: unknown
}

/** Who a boot is for: another one is another customer, whose session must not see the first one's. */
export function identity(settings: Settings): string {
  const { app_id, platform, user_id, getUserJwt } = settings
  const token = jwt(settings)
  // whom a callback names is known only by asking it; but somebody it is
  const who = getUserJwt ? '?' : token && (claimed(token) ?? '?')
  return `${app_id} ${platform ?? 'web'} ${user_id ?? who ?? ''}`
}

export function jwt(settings: Settings): string | undefined {
  return settings.user_jwt ?? settings.intercom_user_jwt
}

/** Read, not believed: the server checks the signature. */
function claimed(token: string): string | undefined {
  try {
    const text = atob(token.split('.')[1]?.replace(/-/g, '+').replace(/_/g, '/') ?? '')
    const { user_id, sub } = JSON.parse(text)
    return user_id ?? sub
  } catch {
    return undefined
  }
}

/** A whole number that is not negative, else the usual one. */
export function pixels(value: unknown, usual: number): number {
  const number = Number(value)
  return value !== undefined && number >= 0 ? Math.round(number) : usual
}
