/** Where tokens are found, and that nothing a client sends makes the search throw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenOfHandshake, tokenOfUpgrade } from '../../../src/auth/token-source.js';

describe('tokenOfUpgrade', () => {
  const everything = { authorization: 'Bearer header', 'sec-websocket-protocol': 'hashi, bearer.protocol' };

  it.each([
    ['the query first', '/?token=query', everything, { token: 'query', protocol: 'hashi' }],
    ['then the header', '/', everything, { token: 'header', protocol: 'hashi' }],
    [
      'then the subprotocol',
      '/',
      { 'sec-websocket-protocol': 'hashi,bearer.a.b-c_d' },
      { token: 'a.b-c_d', protocol: 'hashi' },
    ],
    ['the subprotocol without hashi', '/', { 'sec-websocket-protocol': 'bearer.x' }, { token: 'x' }],
    ['nothing', '/', {}, {}],
    ['nothing without a URL', undefined, {}, {}],
    ['hashi alone', '/', { 'sec-websocket-protocol': 'hashi' }, { protocol: 'hashi' }],
    ['no answer to other subprotocols', '/', { 'sec-websocket-protocol': 'graphql-ws, Hashi' }, {}],
    ['the header past an empty parameter', '/?token=', everything, { token: 'header', protocol: 'hashi' }],
    ['the first of repeated parameters', '/?token=a&token=b', {}, { token: 'a' }],
    ['a parameter among others', '/?resume=1&token=a&since=x', {}, { token: 'a' }],
    ['no parameter of another name', '/?Token=a&xtoken=b', {}, {}],
    ['a percent-encoded one', '/?token=a%2Eb', {}, { token: 'a.b' }],
    ['bad escapes as they are', '/?token=%zz%', {}, { token: '%zz%' }],
    ['it in a URL of two slashes', '//?token=a', {}, { token: 'a' }],
    ['it in an absolute URL', 'http://[::bad/?token=a', {}, { token: 'a' }],
    ['none in a fragment', '/#?token=a', {}, {}],
    ['bearer in any case', '/', { authorization: 'bEARER  x' }, { token: 'x' }],
    ['no other scheme', '/', { authorization: 'Basic x' }, {}],
    ['no header of two words', '/', { authorization: 'Bearer x y' }, {}],
    ['no empty bearer', '/', { authorization: 'Bearer ', 'sec-websocket-protocol': 'bearer.' }, {}],
  ])('finds %s', (_what, url, headers, found) => {
    expect(tokenOfUpgrade({ url, headers })).toEqual(found);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.string(), (url, authorization, protocol) => {
        tokenOfUpgrade({ url, headers: { authorization, 'sec-websocket-protocol': protocol } });
      }),
    );
  });
});

describe('tokenOfHandshake', () => {
  const headers = { authorization: 'Bearer header' };

  it.each([
    ['auth first', { token: 'auth' }, { token: 'query' }, headers, 'auth'],
    ['then the query', {}, { token: 'query' }, headers, 'query'],
    ['then the header', {}, {}, headers, 'header'],
    ['nothing', {}, {}, {}, undefined],
    ['the first of repeated parameters', {}, { token: ['a', 'b'] }, {}, 'a'],
    ['the header past tokens that are no strings', { token: { a: 1 } }, { token: [[]] }, headers, 'header'],
    ['the header past empty ones', { token: '' }, { token: [] }, headers, 'header'],
    ['the header past an auth that is no object', 'token', null, headers, 'header'],
    ['nothing inherited', Object.create({ token: 'a' }), Object.create({ token: 'b' }), {}, undefined],
  ])('finds %s', (_what, auth, query, given, found) => {
    expect(tokenOfHandshake({ auth, query, headers: given })).toBe(found);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (auth, query) => {
        const found = tokenOfHandshake({ auth, query, headers: {} });
        expect(['string', 'undefined']).toContain(typeof found);
      }),
    );
  });
});
