import { type ComponentType, type ReactNode, use } from 'react'

/** A page's code could not be loaded: the network is gone, or the server has a newer version of the page. */
export class PageLoadError extends Error {}

export interface LazyPage {
  (): ReactNode
  /** Load the code before the page is shown. Never rejects; the page throws when it is shown. */
  preload: () => Promise<void>
}

/** The code loads that failed, to be tried again. */
const failed = new Set<() => void>()

/** Try again to load what could not be loaded. */
export function forgetFailedPages() {
  for (const forget of failed) forget()
  failed.clear()
}

/** A page whose code is loaded when it is shown first. */
export function lazyPage(load: () => Promise<ComponentType>): LazyPage {
  let Page: ComponentType | undefined
  let loading: Promise<void> | undefined
  let failure: PageLoadError | undefined
  const forget = () => {
    failure = undefined
    loading = undefined
  }
  const preload = () => {
    loading ??= load().then(
      (loaded) => {
        Page = loaded
      },
      (cause) => {
        failure = new PageLoadError('cannot load the page', { cause })
        failed.add(forget)
      },
    )
    return loading
  }
  const Lazy = () => {
    if (failure) throw failure
    if (!Page) use(preload())
    return Page ? <Page /> : null
  }
  return Object.assign(Lazy, { preload })
}
