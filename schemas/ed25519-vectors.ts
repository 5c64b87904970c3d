// schemas/vectors/ed25519.json as a module, because schemas/ does no I/O; a test holds both equal.

/** One frozen case of the pinned Ed25519 profile; bytes in hexadecimal. */
export interface Ed25519Vector {
  name: string
  publicKey: string
  message: string
  signature: string
  /** What `Signatures.verify` must say. */
  valid: boolean
  /** What `Signatures.isValidKey` must say. */
  validKey: boolean
}

/** The cases of the self-test at process start. */
export const ED25519_VECTORS: readonly Ed25519Vector[] = [
  {
    name: 'valid: message of 0 bytes',
    publicKey: 'e0c68eac886d6d1b304e3140ac04682f08580401cd5dc366316b07344c98fbc2',
    message: '',
    signature:
      '73335ce150b7cbc532978878c1e7be4e88eb8e3448bfc6acbb088e34923684966ae72c735b61c8149d343cd28c26ef8a16efa1c4fbaadcb4b1389ca3f6ccaf08',
    valid: true,
    validKey: true,
  },
  {
    name: 'valid: message of 1 bytes',
    publicKey: 'a2160d7e1eb79b88887030016aed628a46e85b0577ede555ccdc949c9e06491b',
    message: '6c',
    signature:
      'f405b100392c6cda862dee5d17483f876dad6f11a0ee50931472649e0bcf43d7923e95960a7709c35cd7d37292d119c86b7474d3f9c57726d590438d6025d70f',
    valid: true,
    validKey: true,
  },
  {
    name: 'valid: message of 32 bytes',
    publicKey: 'e7e135f95f51208d9b87666e8599b96d63ce9b327f5093d34cca0268f0636111',
    message: '0eae9d092f35a3bd87c472824770a9890f78fa07539cd7e9dda5bb97a0a115f4',
    signature:
      '53163ec585e0bbd9f7c143d6030dab24c86d45ad1ae58b8b20c5464d636706de123d890b3092a6d2e86a3af8d0de20bee54e4952eaff675f6fdf153519b93604',
    valid: true,
    validKey: true,
  },
  {
    name: 'valid: message of 111 bytes',
    publicKey: '52509334797e90bb02a384ae323497f7bac6c3f41e63f4dd6e7e2e451e7d0414',
    message:
      '1e5c3efba8afaf8ff58ab6eecd99fdc830caa113651be52bbd5d77597eee695a1e5c3efba8afaf8ff58ab6eecd99fdc830caa113651be52bbd5d77597eee695a1e5c3efba8afaf8ff58ab6eecd99fdc830caa113651be52bbd5d77597eee695a1e5c3efba8afaf8ff58ab6eecd99fd',
    signature:
      '18f40690d49354931e6c19e815561c509ffd8c5429e05fd1b100d929134f32c305e9068d7918d03ebb1a0a1ecb1d96ae31cfc81eae6d9fa36724b04070e5830c',
    valid: true,
    validKey: true,
  },
  {
    name: 'valid: message of 112 bytes',
    publicKey: 'c0b62c7c1b6941127ef2f79e053b39b18bbc23db773b87f184c0692a1bf44c5e',
    message:
      '4eb71353050530d42984378434c9fe19675967a85c496f86752d800ac1ec43684eb71353050530d42984378434c9fe19675967a85c496f86752d800ac1ec43684eb71353050530d42984378434c9fe19675967a85c496f86752d800ac1ec43684eb71353050530d42984378434c9fe19',
    signature:
      'a19547370ed1b89f59cad54f9ba1d140378f09909479f2070c9dc9f70cc1dc9a8dd9d733c10a4ce7e22e9d2e905466e667c927cb2b3f0fdccdd66dc694b01e0b',
    valid: true,
    validKey: true,
  },
  {
    name: 'valid: message of 200 bytes',
    publicKey: '351aa146da7eb809e0df19d48efa5c9e7e26bdd58d9d2c8d2d6388a1b7dd78de',
    message:
      '1c04fcf4606a1981643ae6322b621da856fa761e485f6f178ca93c68aa1cf3b41c04fcf4606a1981643ae6322b621da856fa761e485f6f178ca93c68aa1cf3b41c04fcf4606a1981643ae6322b621da856fa761e485f6f178ca93c68aa1cf3b41c04fcf4606a1981643ae6322b621da856fa761e485f6f178ca93c68aa1cf3b41c04fcf4606a1981643ae6322b621da856fa761e485f6f178ca93c68aa1cf3b41c04fcf4606a1981643ae6322b621da856fa761e485f6f178ca93c68aa1cf3b41c04fcf4606a1981',
    signature:
      '2b54b42b0fae75d665d22d05a381fc5b4f62dcd47c5af984de6ed03de9127493055a8af6806b0922407ee772830dd9e8fa200758a81a261958077939c47c4d00',
    valid: true,
    validKey: true,
  },
  {
    name: 'valid: message of 1000 bytes',
    publicKey: 'd2b96b0b0e38559b321de2ccc4e53f81322c10bd4923976b97176ad86678f74c',
    message:
      '0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1853337cafee41c474a1fed97c397c0301f878b2bf2c5886d0024eafe23a632c1',
    signature:
      '8af5baade13b31f0a55e45a41c425880a8e9ed08160d06515dc24b1e160e23e7ce8a372b8873a8922b38d8f76686fd40fd71f3024c8fb4eef78f238069e49302',
    valid: true,
    validKey: true,
  },
  {
    name: 'message: first bit changed',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '602072656164696e67',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'message: last bit changed',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696ee7',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'message: one byte more',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e6700',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'message: empty',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: lowest bit changed',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e67',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288bd9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: negated',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e67',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288313898b8fae260d4638a484bfcbde097d0398c3cba8dc25ca8fb4052ab763804',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: of another signature',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e67',
    signature:
      '24fecad35afbeff33f40fc7234234af64f9c8726a85f1f8bfaab7572228d50ebbc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: sign bit changed',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e67',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a208bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'key: sign bit changed',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4d78',
    message: '612072656164696e67',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'key: of another signer',
    publicKey: '654a6f4ca335c9198f02a568d1ea0a5a167f4d9874ad6a5a1750dbdd82c383e9',
    message: '612072656164696e67',
    signature:
      '0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b',
    valid: false,
    validKey: true,
  },
  {
    name: 'R and S exchanged',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e67',
    signature:
      'bc9b5da41f80b1837212af57e23bfe7c2fc673c345723da35704bfad5489c70b0a87981850c354e92aa3efcd21a57838c67a3173b627501bf3b281419569a288',
    valid: false,
    validKey: true,
  },
  {
    name: 'signature: all zero',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e67',
    signature:
      '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: true,
  },
  {
    name: 'signature: all ones',
    publicKey: '782d3b63202c987b7d9a3fb37b7d640a2f4d9dda345b8a97254ba030477b4df8',
    message: '612072656164696e67',
    signature:
      'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: plus L',
    publicKey: '0b61723dd53b66ce7fed84f9ec5aea336105f5e95f657bed1b2797a04f56572c',
    message: '6d616c6c6561626c65',
    signature:
      '1bf747dff68250b7dae3f24110492b811606dd2110bd3677c178cea5d90894c5b2f3ba498d861eb35f0248cebaae3da45949e13cfb49b9fc65da338476aa641e',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: plus 8 L',
    publicKey: '0b61723dd53b66ce7fed84f9ec5aea336105f5e95f657bed1b2797a04f56572c',
    message: '6d616c6c6561626c65',
    signature:
      '1bf747dff68250b7dae3f24110492b811606dd2110bd3677c178cea5d90894c52dbf73d4453c9f1b3c4c0d43d18356365a49e13cfb49b9fc65da338476aa648e',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: highest bit set',
    publicKey: '0b61723dd53b66ce7fed84f9ec5aea336105f5e95f657bed1b2797a04f56572c',
    message: '6d616c6c6561626c65',
    signature:
      '1bf747dff68250b7dae3f24110492b811606dd2110bd3677c178cea5d90894c5c51fc5ec72230c5b8965502bdcb45e8f5949e13cfb49b9fc65da338476aa648e',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: zero',
    publicKey: '0b61723dd53b66ce7fed84f9ec5aea336105f5e95f657bed1b2797a04f56572c',
    message: '6d616c6c6561626c65',
    signature:
      '1bf747dff68250b7dae3f24110492b811606dd2110bd3677c178cea5d90894c50000000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: L',
    publicKey: '0b61723dd53b66ce7fed84f9ec5aea336105f5e95f657bed1b2797a04f56572c',
    message: '6d616c6c6561626c65',
    signature:
      '1bf747dff68250b7dae3f24110492b811606dd2110bd3677c178cea5d90894c5edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010',
    valid: false,
    validKey: true,
  },
  {
    name: 'S: L - 1',
    publicKey: '0b61723dd53b66ce7fed84f9ec5aea336105f5e95f657bed1b2797a04f56572c',
    message: '6d616c6c6561626c65',
    signature:
      '1bf747dff68250b7dae3f24110492b811606dd2110bd3677c178cea5d90894c5ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: not on the curve',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      '020000000000000000000000000000000000000000000000000000000000000022f60f34534a023d0826154c75c15578762ed38ba27a46d15e739b64db7b8704',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: y not below p',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f22f60f34534a023d0826154c75c15578762ed38ba27a46d15e739b64db7b8704',
    valid: false,
    validKey: true,
  },
  {
    name: 'key: not on the curve',
    publicKey: '0200000000000000000000000000000000000000000000000000000000000000',
    message: '706f696e7473',
    signature:
      '4df96bb9530938a7e2862f5de5fcd9a25c94bd22e5a2431259870a370555018522f60f34534a023d0826154c75c15578762ed38ba27a46d15e739b64db7b8704',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: y not below p',
    publicKey: 'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    message: '706f696e7473',
    signature:
      '4df96bb9530938a7e2862f5de5fcd9a25c94bd22e5a2431259870a370555018522f60f34534a023d0826154c75c15578762ed38ba27a46d15e739b64db7b8704',
    valid: false,
    validKey: false,
  },
  {
    name: 'R: identity',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      '010000000000000000000000000000000000000000000000000000000000000041f2690511343cb399a50f07201c25dd65a22301810fdfc4ff2bead2d1391107',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: order 2',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f23d010624a9e63629424ac9f46f343d5e50ee8ec4714ba3ac89271005a264005',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: order 4',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      '000000000000000000000000000000000000000000000000000000000000008098b74e60b5687a5aaa88d9b1b12bfc53f8b4ecbf4b2d8bc77376785005bc0105',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: order 8',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a39ebceff6164e26168f78c7853cff6e863f115193c36eea3aeaf098ee9abd408',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: order 8, negated',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03faca2ab41bf0565150110ef9ed813b190a1acfda1ea3d8ec599362713ea9ba9109',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: identity with y = p + 1',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fc11ea95bccdf9cb3b27391fe106b3372c79d21b4ad0b1e6ceda943a3886d8d0e',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: identity with a sign',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      '010000000000000000000000000000000000000000000000000000000000008066724b2ac46f838871b03eef79c0a12890238b4926c4c247b79dd8d4b4220d0e',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: order 2 with a sign',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffdaf9e9e5ff4036da310c04143290a77596854343a564af4d2e8d7ab4bc6e340f',
    valid: false,
    validKey: true,
  },
  {
    name: 'R: order 4 with y = p',
    publicKey: 'cad6cf80fe36020f57949d1b32dbf46864d214238d7b064a169b1a6c3b01bcac',
    message: '706f696e7473',
    signature:
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7ff3a373215ef59dd2193006e12081647c8a5f115607ce0f5038d725f34ffd3a0d',
    valid: false,
    validKey: true,
  },
  {
    name: 'key: identity',
    publicKey: '0100000000000000000000000000000000000000000000000000000000000000',
    message: '746f7273696f6e203139',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: order 2',
    publicKey: 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    message: '746f7273696f6e2031',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: order 4',
    publicKey: '0000000000000000000000000000000000000000000000000000000000000080',
    message: '746f7273696f6e203130',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: order 8',
    publicKey: 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    message: '746f7273696f6e2030',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: order 8, negated',
    publicKey: 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    message: '746f7273696f6e2037',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: identity with y = p + 1',
    publicKey: 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    message: '746f7273696f6e2031',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: identity with a sign',
    publicKey: '0100000000000000000000000000000000000000000000000000000000000080',
    message: '746f7273696f6e203135',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: order 2 with a sign',
    publicKey: 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    message: '746f7273696f6e2035',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: order 4 with y = p',
    publicKey: 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    message: '746f7273696f6e203235',
    signature:
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df0500000000000000000000000000000000000000000000000000000000000000',
    valid: false,
    validKey: false,
  },
  {
    name: 'R: mixed order, holds only with the cofactor',
    publicKey: '58c4fb625859f7337fbf57ed84676c09fb7bbe7b59745e7b0e02ae6920e05336',
    message: '746f7273696f6e',
    signature:
      'e9b2fe981587efae6478f48ba1fa60cec6126d0e26dde72a0a24f640dcd783e5b8e2a61993e92619d63510927e57aeeec4f6878265bbb3b68c06cad3fd947905',
    valid: false,
    validKey: true,
  },
  {
    name: 'key: mixed order, k = 4 mod 8, holds only with the cofactor',
    publicKey: '1f31422e7d66722e926d3394739f99ead622e84d3cb7c0eb7731039bd2e4cbfa',
    message: '746f7273696f6e2031',
    signature:
      'b862409fb5c4c4123df2abf7462b88f041ad36dd6864ce872fd5472be363c5b1179cc066af49aee582f6483a7a6bed7646bd64cbee9a531cb7173ae3b8e60906',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: mixed order, k = 1 mod 8, holds only with the cofactor',
    publicKey: '1f31422e7d66722e926d3394739f99ead622e84d3cb7c0eb7731039bd2e4cbfa',
    message: '746f7273696f6e2030',
    signature:
      'b862409fb5c4c4123df2abf7462b88f041ad36dd6864ce872fd5472be363c5b13e6902bb064d14165383870b98da428b9e7b40395b37ba9ffb3cd6bbf542a608',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: mixed order, k = 0 mod 8, holds: only registration refuses it',
    publicKey: '1f31422e7d66722e926d3394739f99ead622e84d3cb7c0eb7731039bd2e4cbfa',
    message: '746f7273696f6e2033',
    signature:
      'b862409fb5c4c4123df2abf7462b88f041ad36dd6864ce872fd5472be363c5b154a3b87856539ab6335d9e66222b1c80f10795d7c321bf0ff92aaef328bd5c06',
    valid: true,
    validKey: false,
  },
  {
    name: 'key and R: mixed order, holds: only registration refuses it',
    publicKey: '1f31422e7d66722e926d3394739f99ead622e84d3cb7c0eb7731039bd2e4cbfa',
    message: '746f7273696f6e2033',
    signature:
      'e9b2fe981587efae6478f48ba1fa60cec6126d0e26dde72a0a24f640dcd783e539e3ef8db37183fe24e32ec77f924c83049204a9324533d5445171dc58983c0a',
    valid: true,
    validKey: false,
  },
  {
    name: 'signature: empty',
    publicKey: '7ad629468a886255980139a7c07d623dfdc43967f3420d608e972cfc46037e1d',
    message: '6c656e67746873',
    signature: '',
    valid: false,
    validKey: true,
  },
  {
    name: 'signature: 63 bytes',
    publicKey: '7ad629468a886255980139a7c07d623dfdc43967f3420d608e972cfc46037e1d',
    message: '6c656e67746873',
    signature:
      '4713004e8eac385e0c5aa5d9674bc113f95b1d79fa9adda7a60b00990010247edd16fa6f383aa9e084489dcacbd1a83a435441475f68e2d0201a1ebdddf35d',
    valid: false,
    validKey: true,
  },
  {
    name: 'signature: 65 bytes',
    publicKey: '7ad629468a886255980139a7c07d623dfdc43967f3420d608e972cfc46037e1d',
    message: '6c656e67746873',
    signature:
      '4713004e8eac385e0c5aa5d9674bc113f95b1d79fa9adda7a60b00990010247edd16fa6f383aa9e084489dcacbd1a83a435441475f68e2d0201a1ebdddf35d0100',
    valid: false,
    validKey: true,
  },
  {
    name: 'key: empty',
    publicKey: '',
    message: '6c656e67746873',
    signature:
      '4713004e8eac385e0c5aa5d9674bc113f95b1d79fa9adda7a60b00990010247edd16fa6f383aa9e084489dcacbd1a83a435441475f68e2d0201a1ebdddf35d01',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: 31 bytes',
    publicKey: '7ad629468a886255980139a7c07d623dfdc43967f3420d608e972cfc46037e',
    message: '6c656e67746873',
    signature:
      '4713004e8eac385e0c5aa5d9674bc113f95b1d79fa9adda7a60b00990010247edd16fa6f383aa9e084489dcacbd1a83a435441475f68e2d0201a1ebdddf35d01',
    valid: false,
    validKey: false,
  },
  {
    name: 'key: 33 bytes',
    publicKey: '7ad629468a886255980139a7c07d623dfdc43967f3420d608e972cfc46037e1d00',
    message: '6c656e67746873',
    signature:
      '4713004e8eac385e0c5aa5d9674bc113f95b1d79fa9adda7a60b00990010247edd16fa6f383aa9e084489dcacbd1a83a435441475f68e2d0201a1ebdddf35d01',
    valid: false,
    validKey: false,
  },
]
