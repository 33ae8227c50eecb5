import { createRootRoute, createRoute, createRouter, notFound } from '@tanstack/react-router'
import { readAuditFilters } from './api/audit'
import { readEventFilters, readReplayFilters } from './api/events'
import { readFilters } from './api/filters'
import { isKind, type Kind } from './api/kinds'
import { readList, readPage, readPeriod } from './api/list-search'
import { Gate } from './gate'
import { useTranslation } from './i18n'
import { lazyPage } from './lazy-page'
import { LostPage } from './pages/lost'
import { PageError, RootError } from './pages/page-error'
import { needing } from './scope'
import { Loading } from './ui/page'

const root = createRootRoute({ component: Gate, notFoundComponent: LostPage, errorComponent: RootError })

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyPage(() => import('./pages/overview').then((page) => page.OverviewPage)),
  validateSearch: readPeriod,
})

const webhooks = createRoute({
  getParentRoute: () => root,
  path: '/webhooks',
  component: lazyPage(() => import('./pages/webhooks').then((page) => page.WebhooksPage)),
  validateSearch: readList,
})

const events = createRoute({
  getParentRoute: () => root,
  path: '/events',
  component: lazyPage(() => import('./pages/events').then((page) => page.EventsPage)),
  validateSearch: readEventFilters,
})
const event = createRoute({
  getParentRoute: () => root,
  path: '/events/$event',
  component: lazyPage(() => import('./pages/event').then((page) => page.EventPage)),
})

const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  component: lazyPage(() => import('./pages/audit').then((page) => page.AuditPage)),
  validateSearch: readAuditFilters,
})

/** A kind of owner, as `/agents`; any other word is no page. */
const kind = createRoute({
  getParentRoute: () => root,
  path: '/$kind',
  beforeLoad: ({ params }) => {
    if (!isKind(params.kind)) throw notFound()
  },
  params: {
    parse: ({ kind }: { kind: string }): { kind: Kind } => ({ kind: kind as Kind }),
    stringify: ({ kind }: { kind: Kind }): { kind: string } => ({ kind }),
  },
  notFoundComponent: LostPage,
})
const owners = createRoute({
  getParentRoute: () => kind,
  path: '/',
  component: lazyPage(() => import('./pages/owners').then((page) => page.OwnersPage)),
  validateSearch: readList,
})
const owner = createRoute({ getParentRoute: () => kind, path: '/$owner' })
const ownerWebhooks = createRoute({
  getParentRoute: () => owner,
  path: '/',
  component: lazyPage(() => import('./pages/owner').then((page) => page.OwnerPage)),
})
const webhookNew = createRoute({
  getParentRoute: () => owner,
  path: '/new',
  component: needing(
    'webhooks',
    lazyPage(() => import('./pages/webhook-new').then((page) => page.WebhookNewPage)),
  ),
})

const webhook = createRoute({
  getParentRoute: () => owner,
  path: '/$webhook',
  component: lazyPage(() => import('./pages/webhook').then((page) => page.WebhookLayout)),
})
const deliveries = createRoute({
  getParentRoute: () => webhook,
  path: '/',
  component: lazyPage(() => import('./pages/deliveries').then((page) => page.DeliveriesPage)),
  validateSearch: readFilters,
})
const settings = createRoute({
  getParentRoute: () => webhook,
  path: '/settings',
  component: lazyPage(() => import('./pages/webhook-settings').then((page) => page.WebhookSettingsPage)),
})
const bulkList = createRoute({
  getParentRoute: () => webhook,
  path: '/retries',
  component: lazyPage(() => import('./pages/bulk-list').then((page) => page.BulkListPage)),
  validateSearch: readPage,
})
const bulkNew = createRoute({
  getParentRoute: () => webhook,
  path: '/retries/new',
  component: needing(
    'retry',
    lazyPage(() => import('./pages/bulk-new').then((page) => page.BulkNewPage)),
  ),
  validateSearch: readFilters,
})
const replayNew = createRoute({
  getParentRoute: () => webhook,
  path: '/retries/replay',
  component: needing(
    'retry',
    lazyPage(() => import('./pages/replay-new').then((page) => page.ReplayNewPage)),
  ),
  validateSearch: readReplayFilters,
})
const bulk = createRoute({
  getParentRoute: () => webhook,
  path: '/retries/$job',
  component: lazyPage(() => import('./pages/bulk').then((page) => page.BulkPage)),
})
const delivery = createRoute({
  getParentRoute: () => owner,
  path: '/$webhook/logs/$log',
  component: lazyPage(() => import('./pages/delivery').then((page) => page.DeliveryPage)),
})

/** Stands in for a page whose code is being loaded. */
function Pending() {
  const { t } = useTranslation()
  return <Loading label={t('loading')} />
}

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    webhooks,
    events,
    event,
    audit,
    kind.addChildren([
      owners,
      owner.addChildren([
        ownerWebhooks,
        webhookNew,
        webhook.addChildren([deliveries, settings, bulkList, bulkNew, replayNew, bulk]),
        delivery,
      ]),
    ]),
  ]),
  scrollRestoration: true,
  defaultErrorComponent: PageError,
  defaultPendingComponent: Pending,
  defaultPreload: 'intent',
  // What a page holds is of what its address names: a form of one webhook is not that of the next.
  defaultRemountDeps: ({ params }) => params,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
