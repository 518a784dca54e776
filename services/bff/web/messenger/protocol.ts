/**
 * What the loader in the host's page and the Messenger in its iframe say to each other, over a port that
 * both made sure of. Either side may be another version: what is not understood is ignored.
 */
export type Theme = 'light' | 'dark' | 'system'
export type Platform = 'web' | 'ios' | 'android'
export type Place =
  /** `home`, `messages` or `tickets`; any other is Home. */
  | { space: string }
  /** As the address of the host's page has it: `ticket:12`, `tickets/12`, a conversation, or a space. */
  | { link: string }
  /** Messages, once it is known that something is unread there. */
  | { unread: boolean }
  | { ticket: string }
  | { conversation: string }
  | { new: string; send: boolean }

/** To the Messenger. */
export type ToFrame =
  | { type: 'init'; platform: Platform | undefined; look: Look }
  | { type: 'look'; look: Look }
  /** The answer to `jwt`. */
  | ({ type: 'jwt' } & Proof)
  /** The panel opened or closed; `full` when it takes the whole screen. */
  | { type: 'open'; open: boolean; full?: boolean }
  /** Back, as the browser has it: out of the screen, or of the panel. */
  | { type: 'back' }
  | { type: 'go'; place: Place }
  /** Fetch anew what is shown. */
  | { type: 'update' }
  /** End the session. */
  | { type: 'shutdown' }

/** What the host knows of its customer. */
export interface Proof {
  /** The user token; none when the host has none now. */
  jwt?: string | null | undefined
  /** There is none to be had: whoever it is comes without one. */
  guest?: boolean
  /** Who a guest is by the host's word alone. */
  user?: string | number | undefined
  /** The secret that a visitor was given, if it was kept. */
  visitor?: string | null | undefined
}

/** What the host's page has set and the Messenger heeds; as it was set, so anything may be in it. */
export interface Look {
  theme?: Theme | undefined
  /** `#rrggbb`; else ours. */
  action?: string | undefined
  /** Behind the greeting, `#rrggbb`; else none. */
  background?: string | undefined
  /** `#rrggbb`; else the colour of actions. */
  link?: string | undefined
  /** What it is to speak, before what the browser would like. */
  language?: string | undefined
  /** How long a visitor who stays away is known, in milliseconds; else as long as the server knows them. */
  lasts?: number | undefined
  /** Say on the console what is done and what is ignored. */
  debug?: boolean | undefined
  /** The names of all that was set. */
  names?: string[] | undefined
}

/** To the loader. */
export type ToHost =
  | { type: 'jwt' }
  /** The first session, or its failure; `guest` when nobody is there yet whom anything could belong to. */
  | { type: 'ready'; guest?: boolean }
  | { type: 'refused' }
  | { type: 'signed_out' }
  | { type: 'counts'; messages: number; tickets: number }
  /** What the launcher says, in the customer's language, and the colour that can be read on the host's. */
  | { type: 'labels'; open: string; close: string; news: string; ink: string }
  /** The visitor's secret is to be kept; an empty one, to be forgotten. */
  | { type: 'visitor'; secret: string }
  /** How the launcher is to look at the next visit, before anything is heard: its colour and names, a line each. */
  | { type: 'keep'; look: string }
  | { type: 'close' }
  /** The panel's width where it does not take the whole screen, in pixels. */
  | { type: 'width'; width: number }
  /** `visitor` is the contact's id again if they are one. */
  | { type: 'who'; contact: string; name: string; visitor?: string | undefined }
  /** A ticket has an update that the customer has not seen. */
  | { type: 'ticket'; ticket: { ticket_id: string; number: number; title: string; status: string } }

/** The only message outside of the port, from the iframe to its parent: it carries nothing. */
export const HELLO = 'msgr:hello'
/** The loader's answer; the port comes with it. */
export const PORT = 'msgr:port'

/** An object of one of our messages, else nothing. */
export function message<T extends { type: string }>(data: unknown): T | undefined {
  if (typeof data !== 'object' || data === null || typeof (data as { type?: unknown }).type !== 'string')
    return undefined
  return data as T
}
