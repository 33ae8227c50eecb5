import { createRootRoute, createRoute, createRouter, notFound } from '@tanstack/react-router'
import { readAuditFilters } from './api/audit'
import { readEventFilters, readReplayFilters } from './api/events'
import { readFilters } from './api/filters'
import { isKind, type Kind } from './api/kinds'
import type { Period } from './api/overview'
import { Gate } from './gate'
import { AuditPage } from './pages/audit'
import { BulkPage } from './pages/bulk'
import { BulkListPage } from './pages/bulk-list'
import { BulkNewPage } from './pages/bulk-new'
import { DeliveriesPage } from './pages/deliveries'
import { DeliveryPage } from './pages/delivery'
import { EventPage } from './pages/event'
import { EventsPage } from './pages/events'
import { LostPage } from './pages/lost'
import { OverviewPage } from './pages/overview'
import { OwnerPage } from './pages/owner'
import { OwnersPage } from './pages/owners'
import { ReplayNewPage } from './pages/replay-new'
import { WebhookLayout } from './pages/webhook'
import { WebhookNewPage } from './pages/webhook-new'
import { WebhookSettingsPage } from './pages/webhook-settings'
import { WebhooksPage } from './pages/webhooks'
import { needing } from './scope'

const page = (value: unknown) => (Number.isInteger(Number(value)) && Number(value) > 1 ? Number(value) : undefined)

/** What the lists of names keep in the address bar. */
export interface ListSearch {
  search?: string
  page?: number
}

function readList(search: Record<string, unknown>): ListSearch {
  const at = page(search.page)
  return {
    ...(search.search !== undefined && search.search !== '' && { search: String(search.search) }),
    ...(at && { page: at }),
  }
}

const root = createRootRoute({ component: Gate, notFoundComponent: LostPage })

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: OverviewPage,
  validateSearch: ({ period }: Record<string, unknown>): { period?: Period } =>
    period === 'hour' || period === 'week' || period === 'month' ? { period } : {},
})

const webhooks = createRoute({
  getParentRoute: () => root,
  path: '/webhooks',
  component: WebhooksPage,
  validateSearch: readList,
})

const events = createRoute({
  getParentRoute: () => root,
  path: '/events',
  component: EventsPage,
  validateSearch: readEventFilters,
})
const event = createRoute({ getParentRoute: () => root, path: '/events/$event', component: EventPage })

const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  component: AuditPage,
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
const owners = createRoute({ getParentRoute: () => kind, path: '/', component: OwnersPage, validateSearch: readList })
const owner = createRoute({ getParentRoute: () => kind, path: '/$owner' })
const ownerWebhooks = createRoute({ getParentRoute: () => owner, path: '/', component: OwnerPage })
const webhookNew = createRoute({
  getParentRoute: () => owner,
  path: '/new',
  component: needing('webhooks', WebhookNewPage),
})

const webhook = createRoute({ getParentRoute: () => owner, path: '/$webhook', component: WebhookLayout })
const deliveries = createRoute({
  getParentRoute: () => webhook,
  path: '/',
  component: DeliveriesPage,
  validateSearch: readFilters,
})
const settings = createRoute({ getParentRoute: () => webhook, path: '/settings', component: WebhookSettingsPage })
const bulkList = createRoute({
  getParentRoute: () => webhook,
  path: '/retries',
  component: BulkListPage,
  validateSearch: (search: Record<string, unknown>): { page?: number } => {
    const at = page(search.page)
    return at ? { page: at } : {}
  },
})
const bulkNew = createRoute({
  getParentRoute: () => webhook,
  path: '/retries/new',
  component: needing('retry', BulkNewPage),
  validateSearch: readFilters,
})
const replayNew = createRoute({
  getParentRoute: () => webhook,
  path: '/retries/replay',
  component: needing('retry', ReplayNewPage),
  validateSearch: readReplayFilters,
})
const bulk = createRoute({ getParentRoute: () => webhook, path: '/retries/$job', component: BulkPage })
const delivery = createRoute({ getParentRoute: () => owner, path: '/$webhook/logs/$log', component: DeliveryPage })

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
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
