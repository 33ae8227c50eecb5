import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { type Kind, kinds } from './api/kinds'
import { type Session, useSignOut } from './api/session'
import { type Key, type Language, useTranslation } from './i18n'
import { type Theme, useTheme } from './theme'
import { Button } from './ui/button'
import { Confirm } from './ui/confirm'
import { Dialog } from './ui/dialog'
import { Icon, type IconName } from './ui/icon'
import { Fault } from './ui/notice'
import { ShortcutHelp, useShortcutsOn } from './ui/shortcuts'
import { useToast } from './ui/toast'
import { hasUnsaved } from './ui/unsaved'

const ownersPage = (kind: Kind) => new RegExp(`^/${kind}(/[^/]*)?$`)

interface Place {
  to: string
  icon: IconName
  key: Key
  /** The pages it is the place of. */
  holds: RegExp
  /** Seldom gone to: on a narrow screen it stands in the menu. */
  rare?: true
}

const places: Place[] = [
  { to: '/', icon: 'chart', key: 'nav.overview', holds: /^\/$/ },
  {
    to: '/webhooks',
    icon: 'envelope',
    key: 'nav.webhooks',
    holds: new RegExp(`^/webhooks|^/(${Object.keys(kinds).join('|')})/[^/]+/[^/]`),
  },
  { to: '/events', icon: 'bolt', key: 'nav.events', holds: /^\/events/ },
  { to: '/agents', icon: 'owners', key: 'nav.agents', holds: ownersPage('agents') },
  { to: '/campaigns', icon: 'megaphone', key: 'nav.campaigns', holds: ownersPage('campaigns') },
  { to: '/environment', icon: 'bell', key: 'nav.environment', holds: ownersPage('environment'), rare: true },
  { to: '/audit', icon: 'list', key: 'nav.audit', holds: /^\/audit$/, rare: true },
]

/** What stands around every page once somebody is signed in. */
export function Shell({ session }: { session: Session }) {
  const { t } = useTranslation()
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-lg focus:bg-card focus:px-3 focus:py-2"
      >
        {t('skip')}
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col gap-6 border-line border-r px-3 py-5 md:flex">
        <Brand />
        <nav aria-label={t('nav')} className="grid gap-0.5">
          <Places of={places} look={lineLook} />
        </nav>
        <div className="mt-auto grid gap-3 px-2.5">
          <Settings session={session} />
        </div>
      </aside>
      <header className="flex items-center justify-between border-line border-b px-4 py-2.5 md:hidden">
        <Brand />
        <Menu session={session} />
      </header>
      <main id="main" className="mx-auto w-full max-w-6xl px-4 pt-5 pb-24 md:px-8 md:pt-8 md:pb-16">
        <Outlet />
      </main>
      <nav
        aria-label={t('nav')}
        className="fixed inset-x-0 bottom-0 z-20 grid grid-cols-5 border-line border-t bg-card pb-[env(safe-area-inset-bottom)] md:hidden"
      >
        <Places
          of={places.filter(({ rare }) => !rare)}
          look="grid justify-items-center content-center gap-0.5 min-h-14 px-0.5 text-center text-[0.6875rem] text-muted leading-tight aria-[current]:text-accent aria-[current]:font-medium"
        />
      </nav>
      <ShortcutHelp />
    </div>
  )
}

const lineLook =
  'flex items-center gap-2.5 rounded-lg px-2.5 py-1.5 text-muted hover:bg-sunken hover:text-ink aria-[current]:bg-sunken aria-[current]:font-medium aria-[current]:text-ink aria-[current]:[&>svg]:text-accent'

function Places({ of, look, onGo }: { of: Place[]; look: string; onGo?: () => void }) {
  const { t } = useTranslation()
  const at = useRouterState({ select: (state) => state.location.pathname })
  return of.map(({ to, icon, key, holds }) => (
    <Link
      key={to}
      to={to}
      className={look}
      onClick={onGo}
      activeOptions={{ exact: true, includeSearch: false }}
      aria-current={holds.test(at) ? 'page' : undefined}
    >
      <Icon name={icon} />
      {t(key)}
    </Link>
  ))
}

export function Brand() {
  return (
    <Link to="/" className="flex items-center gap-2 rounded-md px-2 font-semibold text-base tracking-tight">
      <img src="/icon.svg" alt="" width="22" height="22" />
      Carteiro
    </Link>
  )
}

/** Where the server shows its documentation, in each language. */
const documentation = { en: '/docs/', 'pt-BR': '/docs/pt-BR/' }

function Settings({ session: { environment, version } }: { session: Session }) {
  const { t, language } = useTranslation()
  const signOut = useSignOut()
  const [asking, setAsking] = useState(false)
  return (
    <>
      <div>
        <p className="text-muted text-xs">{t('environment')}</p>
        <p className="wrap-anywhere font-medium">{environment.name}</p>
        <p className="wrap-anywhere text-muted text-xs">{version}</p>
      </div>
      <LanguageSelect />
      <ThemeSelect />
      <ShortcutSelect />
      <a href={documentation[language]} target="_blank" rel="noreferrer" className="text-muted text-sm hover:text-ink">
        {t('documentation')}
      </a>
      <Button
        small
        look="quiet"
        icon="out"
        className="-ml-2.5 justify-start"
        busy={signOut.isPending}
        onClick={() => (hasUnsaved() ? setAsking(true) : signOut.mutate())}
      >
        {t('signOut')}
      </Button>
      {asking && (
        <Confirm
          title={t('signOut.unsaved')}
          action={t('signOut')}
          busy={signOut.isPending}
          fault={signOut.error}
          onClose={() => setAsking(false)}
          onConfirm={() => signOut.mutate()}
        >
          {t('unsaved.what')}
        </Confirm>
      )}
      {signOut.error && !asking && <Fault of={signOut.error} />}
    </>
  )
}

/** What is not in reach of the thumb on a narrow screen. */
function Menu({ session }: { session: Session }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button small look="quiet" onClick={() => setOpen(true)}>
        <Icon name="menu" />
        <span className="sr-only">{t('menu')}</span>
      </Button>
      {open && (
        <Dialog title={t('menu')} onClose={() => setOpen(false)}>
          <nav aria-label={t('menu')} className="-mx-2.5 mb-3 grid gap-0.5 border-line border-b pb-3">
            <Places of={places.filter(({ rare }) => rare)} look={lineLook} onGo={() => setOpen(false)} />
          </nav>
          <div className="grid gap-3">
            <Settings session={session} />
          </div>
        </Dialog>
      )}
    </>
  )
}

const quietSelect = 'w-full rounded-md border border-transparent bg-transparent py-1 text-muted text-sm hover:text-ink'

export function LanguageSelect() {
  const { t, language, setLanguage } = useTranslation()
  const say = useToast()
  return (
    <Row label={t('language')}>
      <select
        value={language}
        onChange={(event) => setLanguage(event.target.value as Language).catch(() => say(t('fault.network')))}
        className={quietSelect}
      >
        <option value="en">English</option>
        <option value="pt-BR">Português (Brasil)</option>
      </select>
    </Row>
  )
}

export function ThemeSelect() {
  const { t } = useTranslation()
  const [theme, setTheme] = useTheme()
  return (
    <Row label={t('theme')}>
      <select value={theme} onChange={(event) => setTheme(event.target.value as Theme)} className={quietSelect}>
        <option value="system">{t('theme.system')}</option>
        <option value="light">{t('theme.light')}</option>
        <option value="dark">{t('theme.dark')}</option>
      </select>
    </Row>
  )
}

function ShortcutSelect() {
  const { t } = useTranslation()
  const [on, turn] = useShortcutsOn()
  return (
    <Row label={t('keys')}>
      <select value={on ? 'on' : 'off'} onChange={(event) => turn(event.target.value === 'on')} className={quietSelect}>
        <option value="on">{t('keys.on')}</option>
        <option value="off">{t('keys.off')}</option>
      </select>
    </Row>
  )
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="block">
      <span className="block text-muted text-xs">{label}</span>
      {children}
    </label>
  )
}
