/**
 * Every unit that the rubric knows, with its exact size. Sizes are those of the SI brochure, NIST SP 811 and the US and UK
 * weights and measures acts. mathjs has a table too, which a test compares with this one. It rounds some sizes (acre, rod,
 * psi, hp), has old values for others (eV), a teaspoon of 5 ml beside a cup of 236.6 ml, and no imperial volumes, so its
 * numbers are checked against and not taken.
 *
 * A line is `symbols | names | definition | prefixes`. Symbols are case-sensitive, names are not and have their plurals; a
 * blank inside a name is `_`. A definition is a size in other units; `=x` founds a dimension x. A name on two lines has two
 * meanings, of which the one that fits the other side counts. Prefixes: `si`, `binary` (si and Ki Mi Gi …), or none.
 */
export const UNIT_TABLE = `
m | meter metre | =length | si
g gm gms | gram gramme | =mass | si
s sec secs | second | =time | si
A | ampere amp | =current | si
K | kelvin degrees_kelvin degree_kelvin | =temperature | si
mol | mole | =amount | si
cd | candela | =luminosity | si
rad rads | radian | =angle | si
sr | steradian | =solid | si
b | bit | =information | binary
B | byte octet | 8 b | binary

Hz hz | hertz | 1 s^-1 | si
N | newton | 1000 g m s^-2 | si
Pa pa | pascal | 1 N m^-2 | si
J | joule | 1 N m | si
W | watt | 1 J s^-1 | si
C | coulomb | 1 A s | si
V | volt | 1 W A^-1 | si
Ω | ohm | 1 V A^-1 | si
S | siemens mho | 1 A V^-1 | si
F | farad | 1 C V^-1 | si
Wb | weber | 1 V s | si
T | tesla | 1 Wb m^-2 | si
H | henry henries | 1 Wb A^-1 | si
lm | lumen | 1 cd sr | si
lx | lux | 1 lm m^-2 | si
Bq | becquerel | =activity | si
Ci | curie | 3.7e10 Bq | si
Gy | gray | 1 J kg^-1 | si
Sv | sievert | =dose | si
kat | katal | 1 mol s^-1 | si
M | molar | 1000 mol m^-3 | si
L l ℓ | liter litre | 1e-3 m^3 | si
cc | | 1e-6 m^3
t | tonne metric_ton metric_tonne | 1000 kg | si
ha | hectare | 1e4 m^2
kgs kilos | kilo | 1000 g
kms | | 1000 m
cms | | 0.01 m
quintal | quintal | 100 kg

min mins | minute | 60 s
h hr hrs | hour | 3600 s
d | day | 86400 s
wk wks | week | 604800 s
| fortnight | 1209600 s
mo | month | =calendar
yr yrs | year | 12 month
| decade | 120 month
| century centuries | 1200 month
| millennium millennia | 12000 month
am | | =morning
pm | | =evening
bpm | | 1/60 s^-1

in inch | inch inches | 0.0254 m
ft | foot feet | 0.3048 m
yd yds | yard | 0.9144 m
mi | mile statute_mile | 1609.344 m
nmi | nautical_mile | 1852 m
| furlong | 660 ft
ch | chain | 66 ft
| rod | 16.5 ft
| fathom | 6 ft
| league | 3 mi
| hand | 4 in
mil mils | | 1/1000 in
| micron | 1e-6 m
Å | angstrom ångström ångstrom | 1e-10 m
au AU | astronomical_unit | 149597870700 m
ly | light_year lightyear | 9460730472580800 m | si
pc | parsec | 648000 pi^-1 au | si
ac | acre | 43560 ft^2

mph | | 1 mi h^-1
kph kmh kmph | | 1 km h^-1
mps | | 1 m s^-1
mpg | | 1 mi gal^-1
fps | | 1 ft s^-1
kn kt kts | knot | 1852 m h^-1

lb lbs lbm | pound pound_mass poundmass | 453.59237 g
oz ozs | ounce | 1/16 lb
dr | dram | 1/256 lb
gr | grain | 1/7000 lb
st | stone | 14 lb
ton tons | ton short_ton us_ton | 2000 lb | si
| long_ton imperial_ton uk_ton | 2240 lb
cwt | hundredweight short_hundredweight | 100 lb
ozt | troy_ounce | 480 grain
| troy_pound | 5760 grain
ct | carat karat | 0.2 g
| slug | 1 lbf s^2 ft^-1
u Da amu | dalton atomic_mass_unit | 1.66053906660e-24 g | si

gal gals | gallon us_gallon | 231 in^3
qt qts | quart us_quart | 1/4 gal
pt pts | pint us_pint | 1/8 gal
cp | cup | 1/16 gal
gi | gill | 1/32 gal
floz fl_oz fl._oz | fluid_ounce us_fluid_ounce | 1/128 gal
oz | ounce | 1/128 gal
tbsp Tbsp tbs T | tablespoon | 1/256 gal
tsp | teaspoon | 1/768 gal
fldr | fluid_dram fluiddram | 1/1024 gal
| minim | 1/61440 gal
bbl obl | barrel oil_barrel oilbarrel | 42 gal
| beer_barrel beerbarrel | 31 gal
| hogshead | 63 gal
bu | bushel | 2150.42 in^3
pk | peck | 1/4 bushel
| cord | 128 ft^3
| board_foot board_feet | 144 in^3
| imperial_gallon uk_gallon british_gallon | 4.54609 L
| imperial_quart uk_quart | 1/4 imperial_gallon
| imperial_pint uk_pint british_pint | 1/8 imperial_gallon
| imperial_fluid_ounce uk_fluid_ounce | 1/160 imperial_gallon

lbf lb lbs | pound pound_force poundforce | 4.4482216152605 N
kgf | kilogram_force kilogramforce kilopond | 9.80665 N
kip kips | | 1000 lbf
dyn | dyne | 1e-5 N | si
bar bars | bar | 1e5 Pa | si
atm | atmosphere standard_atmosphere | 101325 Pa
torr Torr | torr | 101325/760 Pa
mmHg mmhg | | 133.322387415 Pa
psi | | 1 lbf in^-2
ksi | | 1000 lbf in^-2
erg | erg | 1e-7 J | si
cal | calorie | 4.184 J | si
Cal | | 4184 J
BTU BTUs Btu btu | british_thermal_unit | 1055.05585262 J
| therm | 100000 BTU
eV | electronvolt electron_volt | 1.602176634e-19 J | si
Wh wh | | 3600 J | si
kwh | | 3600000 J
hp | horsepower | 550 ft lbf s^-1
VA | | 1 W | si
Ah | | 3600 C | si
G | gauss | 1e-4 T | si
P | poise | 0.1 Pa s | si
St | stokes | 1e-4 m^2 s^-1 | si
dB db | decibel | =level

deg ° | degree angular_degree deg degrees_of_angle | 1/180 pi rad
arcmin | arcminute minute_of_arc minutes_of_arc arc_minute | 1/60 deg
arcsec | arcsecond second_of_arc seconds_of_arc arc_second | 1/3600 deg
grad gon | gradian gon | 1/200 pi rad
rev revs | revolution turn full_turn | 2 pi rad
rpm | | 2/60 pi rad s^-1
rps | | 2 pi rad s^-1
degC °C C | celsius centigrade degree_celsius degrees_celsius degree_c degrees_c degree_centigrade degrees_centigrade deg_c | 1 K
degF °F F | fahrenheit degree_fahrenheit degrees_fahrenheit degree_f degrees_f deg_f | 5/9 K
degR °R | rankine degree_rankine degrees_rankine | 5/9 K

KB | | 8000 b
mb | | 8e6 b
gb | | 8e9 b
tb | | 8e12 b
| nibble | 4 b
bps | | 1 b s^-1 | si

$ US$ USD usd | dollar buck us_dollar american_dollar usd | =usd
$ C$ CAD | dollar canadian_dollar cad | =cad
$ A$ AUD | dollar australian_dollar aud | =aud
$ NZ$ NZD | dollar nz_dollar new_zealand_dollar | =nzd
$ HK$ HKD | dollar hong_kong_dollar | =hkd
$ S$ SGD | dollar singapore_dollar | =sgd
¢ c | cent penny pennies us_cent | 0.01 usd
¢ c | cent euro_cent eurocent | 0.01 EUR
¢ c | cent | 0.01 CAD
¢ c | cent | 0.01 AUD
€ EUR | euro eur | =eur
£ GBP | pound gbp pound_sterling pounds_sterling british_pound quid sterling | =gbp
p | pence penny pennies | 0.01 GBP
¥ JPY | yen jpy japanese_yen | =jpy
¥ CNY RMB | yuan renminbi rmb cny chinese_yuan | =cny
₹ INR Rs Rs. rs | rupee inr indian_rupee | =inr
| paisa paise | 0.01 INR
₩ KRW | won krw | =krw
CHF | franc swiss_franc chf | =chf
₽ RUB | ruble rouble rub | =rub
| kopeck kopek | 0.01 RUB
₺ TRY | lira turkish_lira | =try
₪ ILS | shekel | =ils
฿ THB | baht | =thb
₫ VND | dong | =vnd
₱ PHP | peso philippine_peso | =php
MXN | peso mexican_peso | =mxn
₦ NGN | naira | =ngn
₴ UAH | hryvnia | =uah
BRL R$ | brazilian_real reais | =brl
ZAR | rand | =zar
SEK | krona kronor swedish_krona | =sek
NOK | norwegian_krone krone kroner | =nok
DKK | danish_krone krone kroner | =dkk
PLN zł | zloty złoty | =pln
CZK | koruna | =czk
HUF | forint | =huf
AED | dirham | =aed
SAR | riyal | =sar
KWD | dinar | =kwd
MYR | ringgit | =myr
IDR | rupiah | =idr
EGP | egyptian_pound | =egp
BTC ₿ | bitcoin | =btc
`

/** Zero of a temperature scale, in its own degrees above absolute zero. */
export const TEMPERATURE_ZEROS: Readonly<Record<string, string>> = { K: '0', degC: '273.15', degF: '459.67', degR: '0' }

/** Prefixes as `symbol name power of ten`. */
export const SI_PREFIXES =
  'Q quetta 30,R ronna 27,Y yotta 24,Z zetta 21,E exa 18,P peta 15,T tera 12,G giga 9,M mega 6,k kilo 3,h hecto 2,da deca 1,da deka 1,' +
  'd deci -1,c centi -2,m milli -3,µ micro -6,μ micro -6,u micro -6,n nano -9,p pico -12,f femto -15,a atto -18,z zepto -21,y yocto -24,r ronto -27,q quecto -30'
/** Prefixes as `symbol name power of 1024`. */
export const BINARY_PREFIXES = 'Ki kibi 1,Mi mebi 2,Gi gibi 3,Ti tebi 4,Pi pebi 5,Ei exbi 6,Zi zebi 7,Yi yobi 8'
