import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Desk } from './state/desk'

const Context = createContext<Desk | undefined>(undefined)

export const Provide = Context.Provider

export function useDesk(): Desk {
  const desk = useContext(Context)
  if (!desk) throw new Error('a page of the console is outside of it')
  return desk
}
