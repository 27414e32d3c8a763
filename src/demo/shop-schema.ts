/** Tables of the demo shop, and the role that leased sessions get their rights from: it may work, not own or administer. */
export const shopSchema = `
create type order_status as enum ('new', 'paid', 'packed', 'shipped', 'returned');

create table customers (
  id integer primary key,
  name text not null,
  email text not null unique,
  phone text not null,
  card text not null,
  birth_date date not null,
  city text not null,
  notes text,
  profile jsonb not null,
  created_at timestamptz not null
);

create table orders (
  id integer primary key,
  customer_id integer not null references customers (id),
  status order_status not null,
  total numeric(10, 2) not null,
  placed_at timestamptz not null
);

create table payments (
  id integer primary key,
  order_id integer not null references orders (id),
  amount numeric(10, 2) not null,
  card text not null,
  paid_at timestamptz not null
);

create table employees (
  id integer primary key,
  name text not null,
  email text not null unique,
  title text not null,
  salary integer not null,
  hired_at date not null
);

create index orders_customer on orders (customer_id);
create index payments_order on payments (order_id);

create view order_summary as
  select o.id, o.status, o.total, o.placed_at, c.email as customer_email, c.city
  from orders o join customers c on c.id = o.customer_id;

create role shop_work nologin;
grant usage on schema public to shop_work;
grant select, insert, update, delete, truncate on all tables in schema public to shop_work;
`
