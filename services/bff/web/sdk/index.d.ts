/** The web Messenger for applications that are built from modules. It fetches the loader from your BFF. */

export type Space = 'home' | 'messages' | 'tickets'

export interface MessengerSettings {
  /** `app_…` of your workspace. */
  app_id: string
  /** Your BFF's origin, such as `https://messenger.example.com`. */
  api_base: string
  /** Who the customer is, signed by your server. Without this and `getUserJwt` it is a visitor. */
  user_jwt?: string
  /** Asked whenever a session begins; goes before `user_jwt`. */
  getUserJwt?: () => string | undefined | null | Promise<string | undefined | null>
  /** Without a token it is believed only where the workspace does not ask for tokens. */
  user_id?: string | number
  /** Goes before the browser's languages. */
  language_override?: string
  /** Selector of your own elements that open and close the Messenger. */
  custom_launcher_selector?: string
  alignment?: 'left' | 'right'
  /** In pixels, from the side; 20. */
  horizontal_padding?: number
  /** In pixels, from below; 20. */
  vertical_padding?: number
  z_index?: number
  hide_default_launcher?: boolean
  hide_notifications?: boolean
  /** Of the launcher and of buttons, `#rrggbb`; the text on it is chosen so that it can be read. */
  action_color?: string
  /** Behind the greeting on Home, `#rrggbb`; the same goes for it. */
  background_color?: string
  /** Of what leads somewhere, `#rrggbb`; where it could not be read, the text's own colour. Else as `action_color`. */
  link_color?: string
  theme_mode?: 'light' | 'dark' | 'system'
  /**
   * In milliseconds: a visitor who stays away for longer is somebody new. Else one is known for as long as the server
   * knows them. A user is only ever known by the user token.
   */
  session_duration?: number
  /** Goes on the one script that is added to the page, the loader. Styles need none. */
  csp_nonce?: string
  /** Tells on the console what is called, which settings are ignored, and how the connection does. */
  debug?: boolean
  /** Where it runs; `ios` and `android` for the web view of an app. */
  platform?: 'web' | 'ios' | 'android'
  /**
   * Whatever else is set is ignored: nothing is kept of what a page says of its customer unsigned. A name and an e-mail
   * address go into the user token.
   */
  [attribute: string]: unknown
}

export interface UnreadCounts {
  messages: number
  tickets: number
}

export interface TicketUpdate {
  ticket_id: string
  number: number
  title: string
  status: string
}

/** Starts the Messenger. Nothing happens on a server. */
export default function Messenger(settings: MessengerSettings): void
/** As the default export; with another customer the one before is shut down first. Whom `getUserJwt` names is not known
 * before it is asked, so with it and without `user_id` every boot begins anew. */
export function boot(settings: MessengerSettings): void
export function update(settings?: Partial<MessengerSettings>): void
/** Ends the session, forgets a visitor and takes the Messenger off the page. */
export function shutdown(): void
export function show(): void
export function hide(): void
export function showSpace(space: Space): void
export function showMessages(): void
/** Opens a new conversation with a text to send. */
export function showNewMessage(text?: string): void
/** Sends the text as a new conversation. */
export function startConversation(text: string): void
/** By its id, or the number that people say. */
export function showTicket(id: string | number): void
export function showConversation(id: string): void
export function hideNotifications(hide: boolean): void
export function setUserJwt(jwt: string): void
export function whoami(): { contact_id: string; name: string } | undefined
/** The contact, `con_…`, of a visitor who has asked for something; nothing for a user. */
export function getVisitorId(): string | undefined
/** Taken and dropped: there are no events. */
export function trackEvent(name: string, data?: Record<string, unknown>): void
export function onShow(callback: () => void): void
export function onHide(callback: () => void): void
/** Called at once, and whenever it changes. */
export function onUnreadCountChange(callback: (total: number, counts: UnreadCounts) => void): void
/** Never called: nobody is asked for an e-mail address. It is there so that a page that uses it goes on working. */
export function onUserEmailSupplied(callback: () => void): void
export function onReady(callback: () => void): void
export function onError(callback: (error: { message: string }) => void): void
/** The session is over and `getUserJwt` had nothing better: sign the customer in again. */
export function onSessionExpired(callback: () => void): void
/** A ticket on Home has another status. */
export function onTicketUpdate(callback: (ticket: TicketUpdate) => void): void
// biome-ignore lint/suspicious/noExplicitAny: any of the callbacks above
export function off(event: string, callback: (...values: any[]) => void): void
