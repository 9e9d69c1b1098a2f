// An issuer of tokens, on node's own crypto. Reads JSON lines: {"make":alg,"kid":…} answers with the
// public key as a JWK, {"sign":claims,"kid":…,"header":{…}} with a token of that key, {"text":…,"kid":…}
// with the signature of a text.
const crypto = require('crypto');
const readline = require('readline');

const keys = new Map();
const makers = {
  HS256: () => secret(32), HS384: () => secret(48), HS512: () => secret(64),
  RS256: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => crypto.generateKeyPairSync('ed25519'),
};

function secret(bytes) {
  const key = crypto.createSecretKey(crypto.randomBytes(bytes));
  return { publicKey: key, privateKey: key };
}

function signature(alg, key, text) {
  if (alg.startsWith('HS')) {
    return crypto.createHmac('sha' + alg.slice(2), key).update(text).digest();
  }
  const how = { key };
  if (alg === 'PS256') {
    how.padding = crypto.constants.RSA_PKCS1_PSS_PADDING;
    how.saltLength = 32;
  } else if (alg === 'ES256') {
    how.dsaEncoding = 'ieee-p1363';
  }
  return crypto.sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), how);
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function answer(request) {
  if (request.make) {
    const pair = makers[request.make]();
    keys.set(request.kid, { alg: request.make, key: pair.privateKey });
    return { ...pair.publicKey.export({ format: 'jwk' }), kid: request.kid, alg: request.make };
  }
  const { alg, key } = keys.get(request.kid);
  if (request.text !== undefined) {
    return signature(alg, key, request.text).toString('base64url');
  }
  const text = part({ alg, kid: request.kid, ...request.header }) + '.' + part(request.sign);
  return text + '.' + signature(alg, key, text).toString('base64url');
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + '\n');
});
