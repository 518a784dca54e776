/** What a page that asks for it (`debug`) is told on the console. */

/** Settings that something is done with, here or by the loader. */
const HEEDED = new Set([
  'app_id',
  'api_base',
  'user_jwt',
  'intercom_user_jwt',
  'getUserJwt',
  'user_id',
  'user_hash',
  'language_override',
  'custom_launcher_selector',
  'alignment',
  'horizontal_padding',
  'vertical_padding',
  'z_index',
  'hide_default_launcher',
  'hide_notifications',
  'session_duration',
  'action_color',
  'background_color',
  'link_color',
  'theme_mode',
  'platform',
  'csp_nonce',
  'debug',
  'intercom_compat'
])

/** A sentence on what of a page's settings goes nowhere; nothing if all of it is heeded. */
export function ignored(names: unknown): string {
  const others = Array.isArray(names) ? names.map(String).filter((name) => !HEEDED.has(name)) : []
  return others.length
    ? `ignored, as nothing is kept of what a page says unsigned: ${others.join(', ')}. A name and an e-mail address go into the user token`
    : ''
}
