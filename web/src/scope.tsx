import type { Schemas } from './api/client'
import { useSession } from './api/session'
import { useTranslation } from './i18n'
import type { LazyPage } from './lazy-page'
import { Notice } from './ui/notice'

type Scope = Exclude<Schemas['Scope'], 'all'>

/** Whether the token of this session has a scope. The server decides anyway: this is to offer nothing that it would refuse. */
export function useMay(scope: Scope): boolean {
  const { data } = useSession()
  return data?.token.scopes.some((has) => has === scope || has === 'all') ?? false
}

/** Why something is not offered. */
export function Missing({ scope }: { scope: Scope }) {
  const { t } = useTranslation()
  const { data } = useSession()
  return (
    <Notice title={t('scope.missing', { scope })}>{t('scope.missing.what', { name: data?.token.name ?? '' })}</Notice>
  )
}

/** A page that is of no use without a scope, and says so where the token lacks it. */
export function needing(scope: Scope, Page: LazyPage): LazyPage {
  const Needing = () => (useMay(scope) ? <Page /> : <Missing scope={scope} />)
  return Object.assign(Needing, { preload: Page.preload })
}
