import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { App } from './app'

const Context = createContext<App | undefined>(undefined)
export const Provide = Context.Provider

/** The Messenger's state, anywhere below its root. */
export function useApp(): App {
  const app = useContext(Context)
  if (!app) throw new Error('outside of the Messenger')
  return app
}
